"""The report: one HTML file on one run or several, that opens from disk without a network.

``configuration`` says what was run and how to run it again, ``words`` what came of it, ``interactive`` (for
plotly.js) and ``pictures`` (SVG) draw it, ``page`` puts it together by the templates.
"""

from smalti.analysis.report.page import GENERATOR, missing_packages, report, write_report

__all__ = ["GENERATOR", "missing_packages", "report", "write_report"]
