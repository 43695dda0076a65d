"""What other tools make of a NIR file from here, as measured (``tests/analysis/export/test_peers.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from smalti.analysis.export.nir import Form, exact_form
from smalti.model.mapping.net import Net

Verdict = Literal["faithful", "approximate", "refused"]
NO_LI = "knows no LI; for it --form lif, which is approximate"


@dataclass(frozen=True)
class Rating:
    """How well an importer does with a net."""

    importer: str  # with the version that was tried
    verdict: Verdict  # faithful: all spikes are the same
    how: str  # how to call it, or why it does not take the net


def ratings(net: Net, form: Form) -> list[Rating]:
    """What each importer that was tried makes of a net in a form."""
    verdict: Verdict = "faithful" if form == exact_form(net) else "approximate"
    alike = all(len(np.unique(values)) == 1 for values in (net.leak, net.threshold))
    if form == "exact":
        cells, norse, jelly, snntorch = "LI and Threshold", NO_LI, NO_LI, NO_LI
    else:
        cells, norse, snntorch = "LIF", "", "fails on nets that are wired back"
        jelly = "" if alike else "wants one time constant and one threshold for all neurons"
    return [
        Rating("nirtorch 2.6", verdict, f"nirtorch.nir_to_torch(FILE, CELLS), with a step of your own for {cells}"),
        _rating("Norse 1.1", verdict, "norse.torch.from_nir(nir.read(FILE), dt=0.001)", norse),
        _rating("SpikingJelly 2.0", verdict, "nir_exchange.from_nir.import_from_nir(FILE, dt=0.001)", jelly),
        _rating("snnTorch 1.0", verdict, "", snntorch),
    ]


def _rating(importer: str, verdict: Verdict, how: str, refusal: str) -> Rating:
    return Rating(importer, "refused", refusal) if refusal else Rating(importer, verdict, how)
