"""Clusters of several moments under numbers that stay: those that share most neurons are one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pandas as pd
from scipy.optimize import linear_sum_assignment


def matched(found: Mapping[int, pd.Series[int]]) -> dict[int, pd.Series[int]]:
    """The same clusters with other numbers.

    From the last moment backwards, whose numbers stay, the clusters of a moment take those of the next one, one each,
    so that pairs share as many neurons as can be (Kuhn 1955, doi 10.1002/nav.3800020109). A cluster that shares none,
    or is too many, takes the least number that is free at both moments. A moment without neurons is passed over.

    Args:
        found: moment -> cluster of each clustered neuron, by its id.
    """
    renamed: dict[int, pd.Series[int]] = {}
    later: pd.Series[int] | None = None
    for moment in sorted(found, reverse=True):
        own = found[moment]
        renamed[moment] = own if later is None else own.map(_names(own, later)).astype(int)
        later = renamed[moment] if len(own) else later
    return dict(sorted(renamed.items()))


def _names(own: pd.Series[int], later: pd.Series[int]) -> dict[int, int]:
    """Number in ``own`` -> the number that it takes."""
    both = pd.concat({"own": own, "later": later}, axis=1, join="inner")
    table = pd.crosstab(both["own"], both["later"])
    shared, rows, columns = table.to_numpy(), table.index.tolist(), table.columns.tolist()
    pairs = zip(*linear_sum_assignment(shared, maximize=True), strict=True)
    names = {int(rows[a]): int(columns[b]) for a, b in pairs if shared[a, b]}
    free = (number for number in count() if number not in {*names.values(), *later})
    return names | {int(cluster): next(free) for cluster in sorted({*own} - names.keys())}
