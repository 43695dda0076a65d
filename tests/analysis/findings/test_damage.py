from __future__ import annotations

import pandas as pd

from smalti.analysis.findings import damage


def test_links_lost_to_faults_are_told() -> None:
    rounds = pd.DataFrame({"round": [0, 1, 2], "lost": [0, 5, 0], "relaid": [0, 3, 0]})
    found = damage.broken(rounds)
    assert found is not None
    assert found.weight == "warning"
    assert found.title == "Faults took 5 links away, of which 3 were laid again"
    assert "before round 1." in found.detail
    assert found.detail.endswith("those of neurons that died are gone.")
    assert damage.broken(rounds.assign(lost=0, relaid=0)) is None
    assert damage.broken(rounds[["round"]]) is None


def test_repairs_are_told_with_what_they_wrote() -> None:
    columns = ["task", "repair", "loss_before", "loss_after", "writes", "taken"]
    rows = [
        (0, "readout", 0.5, 0.4, 8, False),
        (0, "link", 0.5, 0.2, 3, True),
        (0, "link", 0.2, 0.02, 2, True),
        (1, "neurons", 0.6, 0.3, 40, True),
        (1, "nothing", 0.3, 0.3, 0, True),
    ]
    repairs = pd.DataFrame(rows, columns=columns)
    found = damage.repaired(repairs)
    assert found is not None
    assert (found.kind, found.weight) == ("repaired", "warning")
    assert found.title == "Old experts bought 3 repairs, which wrote 45 devices"
    assert found.detail.startswith(
        "2 link, 1 neurons. Loss on samples that are kept: task 0 from 0.500 to 0.020, task 1 from 0.600 to 0.300. "
        "Nothing more was worth its price for task 1."
    )
    assert damage.repaired(repairs[:3]).weight == "note"  # type: ignore[union-attr]
    nothing = damage.repaired(repairs[4:])
    assert nothing is not None
    assert nothing.detail.startswith("Nothing was done. Nothing more")
    assert damage.repaired(repairs[:0]) is None
