"""Pictures of runs: every function takes a run, or tables, and returns a matplotlib Figure (extra ``plot``).

``figure.savefig("growth.png")`` saves one; in a notebook it shows itself. Colours are safe for the colour-blind.
"""

from smalti.analysis.plots.accuracy import draw_accuracy_matrix
from smalti.analysis.plots.auctions import draw_prices, draw_worth
from smalti.analysis.plots.devices import draw_copies
from smalti.analysis.plots.early_exit import draw_early_exit
from smalti.analysis.plots.fates import draw_fates
from smalti.analysis.plots.growth import draw_growth_timeline
from smalti.analysis.plots.pareto import draw_pareto
from smalti.analysis.plots.raster import draw_raster
from smalti.analysis.plots.reuse import draw_reuse
from smalti.analysis.plots.scarcity import draw_scarcity
from smalti.analysis.plots.switches import draw_switches
from smalti.analysis.plots.trials import draw_trial
from smalti.analysis.plots.wiring.chip import draw_chip
from smalti.analysis.plots.wiring.chip_along import draw_chip_along
from smalti.analysis.plots.wiring.connectivity import draw_connectivity
from smalti.analysis.plots.wiring.hops import draw_hops
from smalti.analysis.plots.wiring.modules import draw_modules, draw_modules_beside

__all__ = [
    "draw_accuracy_matrix",
    "draw_chip",
    "draw_chip_along",
    "draw_connectivity",
    "draw_copies",
    "draw_early_exit",
    "draw_fates",
    "draw_growth_timeline",
    "draw_hops",
    "draw_modules",
    "draw_modules_beside",
    "draw_pareto",
    "draw_prices",
    "draw_raster",
    "draw_reuse",
    "draw_scarcity",
    "draw_switches",
    "draw_trial",
    "draw_worth",
]
