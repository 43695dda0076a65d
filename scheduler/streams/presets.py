"""What a stream wants of the rest of a configuration where its user says nothing.

Extension point: ``PRESETS["mine"] = {"training.rounds": 20}``, dotted field -> value, beside the stream's loader in
``STREAMS``. Whatever a file, the command line or Python says comes before it; ``scheduler.presets`` applies it.
"""

from __future__ import annotations

from collections.abc import Mapping

PRESETS: dict[str, Mapping[str, object]] = {
    "cognitive": {"stream.steps": 60},
}
