"""How well answers set one class, the anomaly, apart from the other, whatever the threshold: two areas under curves.

With s the score of a sample, the higher the more anomalous, P the anomalies and N the others:

    roc_auc            P(s_p > s_n) + P(s_p = s_n) / 2 for p of P and n of N: the area under the receiver operating
                       characteristic (Mann and Whitney's U over |P| |N|); .5 is chance
    average_precision  sum_k (R_k - R_(k-1)) P_k over the thresholds k from above, with recall R and precision P,
                       samples of one score together: the area under precision against recall, without interpolation;
                       chance is the share of anomalies

Both are those of scikit-learn. Where anomalies are rare the second one tells more (Davis and Goadrich 2006).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def areas(scores: Tensor, anomalous: Tensor) -> tuple[float, float]:
    """ROC-AUC and average precision of scores [B] for samples that are anomalies [B] bool, or are not.

    NaN where there are only anomalies or none, or a score is no finite number.
    """
    if bool(anomalous.all()) or not bool(anomalous.any()) or not bool(scores.isfinite().all()):
        return math.nan, math.nan
    _, level = torch.unique(scores, return_inverse=True)
    kinds = int(level.max()) + 1
    yes = torch.bincount(level[anomalous], minlength=kinds).flip(0).double()  # from the highest score on
    no = torch.bincount(level[~anomalous], minlength=kinds).flip(0).double()
    found, false = yes.cumsum(0), no.cumsum(0)
    roc = (no * (found - yes / 2)).sum() / (found[-1] * false[-1])
    precision = found / (found + false)
    return float(roc), float((yes / found[-1] * precision).sum())


def of_log_p(log_p: Tensor | None, labels: Tensor, anomaly: int | None) -> tuple[float, float]:
    """The same of log probabilities [B, 2] of two classes, by their difference; NaN where there is no anomaly.

    Args:
        log_p: of each class, up to a number a sample; None where no class is asked for.
        labels: classes of the samples [B].
        anomaly: the class that is one; None: none is.
    """
    if anomaly is None or log_p is None or log_p.shape[1] != 2:
        return math.nan, math.nan
    return areas(log_p[:, anomaly] - log_p[:, 1 - anomaly], labels == anomaly)
