from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.comparison import curve_summary, differences, summary
from smalti.analysis.metrics import mean_interval, paired_difference

RULES = ("random", "gradmax")
SEEDS = np.arange(12)
CHANCE = np.random.default_rng(0)
VALUES = {
    (setting, rule, metric): CHANCE.normal(size=len(SEEDS))
    for setting in ("sgd", "adam")
    for rule in RULES
    for metric in ("loss", "spikes")
}


def table(**changes: object) -> pd.DataFrame:
    """Two settings, two rules, two metrics, twelve seeds each, in one place and time."""
    parts = [
        pd.DataFrame({"setting": setting, "rule": rule, "metric": metric, "seed": SEEDS, "value": values})
        for (setting, rule, metric), values in VALUES.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(experiment="e", placement="p", timing="t", **changes)


def row(found: pd.DataFrame, **wanted: str) -> pd.Series:
    chosen = found[(found[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_summary_has_a_row_for_every_group_in_their_order() -> None:
    found = summary(table())
    columns = ["experiment", "setting", "rule", "placement", "timing", "metric", "mean", "low", "high", "n"]
    assert list(found.columns) == columns
    keys = found[["setting", "rule", "metric"]].itertuples(index=False, name=None)
    assert list(keys) == list(VALUES)
    for (setting, rule, metric), values in VALUES.items():
        one = row(found, setting=setting, rule=rule, metric=metric)
        assert (one["mean"], one["n"]) == (pytest.approx(values.mean()), 12)
        assert (one["low"], one["high"]) == mean_interval(values, 0)[1:]
        assert one["low"] < one["mean"] < one["high"]


def test_numbers_follow_the_seed_and_not_the_order_of_rows_or_other_groups() -> None:
    whole = summary(table(), seed=3)
    shuffled = summary(table().sample(frac=1.0, random_state=1), seed=3)
    pd.testing.assert_frame_equal(
        whole.sort_values(["setting", "rule", "metric"], ignore_index=True),
        shuffled.sort_values(["setting", "rule", "metric"], ignore_index=True),
    )
    alone = summary(table().query("setting == 'adam' and rule == 'gradmax' and metric == 'loss'"), seed=3)
    assert alone.iloc[0].equals(row(whole, setting="adam", rule="gradmax", metric="loss"))
    assert (summary(table(), seed=4)["low"] != whole["low"]).all()


def test_a_single_value_has_no_interval() -> None:
    found = summary(table().query("seed == 0"))
    assert (found["n"] == 1).all()
    assert found[["low", "high"]].isna().all(axis=None)
    np.testing.assert_array_equal(found["mean"], [values[0] for values in VALUES.values()])


def test_differences_are_paired_by_seed_within_setting_and_metric() -> None:
    found = differences(table().sample(frac=1.0, random_state=2), {"rule": "random"}, seed=5)
    assert len(found) == 4
    assert set(found["control_rule"]) == {"random"}
    assert set(found["rule"]) == {"gradmax"}
    for setting in ("sgd", "adam"):
        for metric in ("loss", "spikes"):
            one = row(found, setting=setting, metric=metric)
            pair = VALUES[setting, "gradmax", metric], VALUES[setting, "random", metric]
            assert tuple(one[["mean", "low", "high"]]) == paired_difference(*pair, 5)
            assert one["n"] == 12


def test_pairing_takes_out_what_seeds_have_in_common() -> None:
    common = np.random.default_rng(1).normal(size=12) * 10
    outcomes = table().query("setting == 'sgd' and metric == 'loss'")
    outcomes = outcomes.assign(value=common[outcomes["seed"]] + (outcomes["rule"] == "gradmax") * 0.5)
    one = differences(outcomes, {"rule": "random"}).iloc[0]
    assert (one["mean"], one["low"], one["high"]) == pytest.approx((0.5, 0.5, 0.5))


def test_seeds_without_a_partner_are_left_out() -> None:
    outcomes = table().query("not (rule == 'random' and seed >= 5)")
    one = row(differences(outcomes, {"rule": "random"}), setting="sgd", metric="loss")
    pair = VALUES["sgd", "gradmax", "loss"][:5], VALUES["sgd", "random", "loss"][:5]
    assert (one["n"], one["mean"]) == (5, pytest.approx((pair[0] - pair[1]).mean()))
    none = differences(table().query("(rule == 'random') == (seed < 5)"), {"rule": "random"})
    assert (none["n"] == 0).all()
    assert none[["mean", "low", "high"]].isna().all(axis=None)


def test_a_control_is_found_by_placement_and_timing_too() -> None:
    outcomes = pd.concat([table(), table().assign(timing="later", value=0.0)], ignore_index=True)
    found = differences(outcomes, {"rule": "random", "timing": "later"})
    assert len(found) == 3 * 4
    assert set(found["control_timing"]) == {"later"}
    one = row(found, setting="sgd", metric="loss", rule="gradmax", timing="t")
    assert one["mean"] == pytest.approx(VALUES["sgd", "gradmax", "loss"].mean())
    with pytest.raises(ValueError, match="is more than one of the conditions"):
        differences(outcomes, {"rule": "random"})


@pytest.mark.parametrize("control", [{"rule": "wishful"}, {}, {"metric": "loss"}])
def test_an_unknown_control_is_refused(control: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"control = .*(is not among|must name)"):
        differences(table(), control)


def test_bad_tables_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lack the columns \['seed'\]"):
        summary(table().drop(columns="seed"))
    with pytest.raises(ValueError, match="nan or infinite"):
        summary(table().assign(value=np.nan))
    with pytest.raises(ValueError, match="same condition, metric and seed"):
        differences(pd.concat([table(), table().head(1)]), {"rule": "random"})


def test_a_curve_is_summed_up_step_by_step() -> None:
    curves = pd.concat([table().assign(step=step, value=lambda t, s=step: t["value"] + s) for step in (0, 10)])
    found = curve_summary(curves)
    assert len(found) == 16
    first, second = (row(found[found["step"] == step], setting="sgd", rule="random", metric="loss") for step in (0, 10))
    for name in ("mean", "low", "high"):
        assert second[name] - first[name] == pytest.approx(10.0)
    assert first["mean"] == pytest.approx(VALUES["sgd", "random", "loss"].mean())
