from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smalti.analysis.comparison import curve_summary, differences, pareto_front, summary
from smalti.analysis.measures.metrics import mean_interval, paired_difference

RULES = ("random", "gradmax")
SEEDS = np.arange(12)
CHANCE = np.random.default_rng(0)
VALUES = {
    (setting, rule, metric): CHANCE.normal(size=len(SEEDS))
    for setting in ("sgd", "adam")
    for rule in RULES
    for metric in ("loss", "spikes")
}
CONTROL = dict.fromkeys(RULES, "random")


def table(**changes: object) -> pd.DataFrame:
    """Two settings, two rules, two metrics, twelve seeds each, on one stream."""
    parts = [
        pd.DataFrame({"setting": setting, "variant": rule, "metric": metric, "seed": SEEDS, "value": values})
        for (setting, rule, metric), values in VALUES.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(stream="s", **changes)


def row(found: pd.DataFrame, **wanted: str) -> pd.Series:
    chosen = found[(found[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_summary_has_a_row_for_every_group_in_their_order() -> None:
    found = summary(table())
    assert list(found.columns) == ["variant", "stream", "setting", "metric", "mean", "low", "high", "n"]
    keys = found[["setting", "variant", "metric"]].itertuples(index=False, name=None)
    assert list(keys) == list(VALUES)
    for (setting, rule, metric), values in VALUES.items():
        one = row(found, setting=setting, variant=rule, metric=metric)
        assert (one["mean"], one["n"]) == (pytest.approx(values.mean()), 12)
        assert (one["low"], one["high"]) == pytest.approx(mean_interval(values, 0)[1:])
        assert one["low"] < one["mean"] < one["high"]


def test_numbers_follow_the_seed_and_not_the_order_of_rows_or_other_groups() -> None:
    whole = summary(table(), seed=3)
    shuffled = summary(table().sample(frac=1.0, random_state=1), seed=3)
    order = ["setting", "variant", "metric"]
    pd.testing.assert_frame_equal(
        whole.sort_values(order, ignore_index=True), shuffled.sort_values(order, ignore_index=True)
    )
    alone = summary(table().query("setting == 'adam' and variant == 'gradmax' and metric == 'loss'"), seed=3)
    pd.testing.assert_series_equal(
        alone.iloc[0], row(whole, setting="adam", variant="gradmax", metric="loss"), check_names=False, rtol=1e-14
    )
    assert (summary(table(), seed=4)["low"] != whole["low"]).all()


def test_a_single_value_has_no_interval() -> None:
    found = summary(table().query("seed == 0"))
    assert (found["n"] == 1).all()
    assert found[["low", "high"]].isna().all(axis=None)
    np.testing.assert_array_equal(found["mean"], [values[0] for values in VALUES.values()])


def test_groups_of_unequal_size_are_each_summed_up_by_themselves() -> None:
    part = table().query("variant == 'random' or seed < 5")
    found = summary(part)
    assert sorted(set(found["n"])) == [5, 12]
    one = row(found, setting="sgd", variant="gradmax", metric="loss")
    assert (one["low"], one["high"]) == pytest.approx(mean_interval(VALUES["sgd", "gradmax", "loss"][:5], 0)[1:])


def test_differences_are_paired_by_seed_within_setting_and_metric() -> None:
    found = differences(table().sample(frac=1.0, random_state=2), CONTROL, seed=5)
    assert len(found) == 4
    assert set(found["control"]) == {"random"}
    assert set(found["variant"]) == {"gradmax"}
    for setting in ("sgd", "adam"):
        for metric in ("loss", "spikes"):
            one = row(found, setting=setting, metric=metric)
            pair = VALUES[setting, "gradmax", metric], VALUES[setting, "random", metric]
            assert tuple(one[["mean", "low", "high"]]) == pytest.approx(paired_difference(*pair, 5))
            assert one["n"] == 12


def test_pairing_takes_out_what_seeds_have_in_common() -> None:
    common = np.random.default_rng(1).normal(size=12) * 10
    outcomes = table().query("setting == 'sgd' and metric == 'loss'")
    outcomes = outcomes.assign(value=common[outcomes["seed"]] + (outcomes["variant"] == "gradmax") * 0.5)
    one = differences(outcomes, CONTROL).iloc[0]
    assert (one["mean"], one["low"], one["high"]) == pytest.approx((0.5, 0.5, 0.5))


def test_seeds_without_a_partner_are_left_out() -> None:
    outcomes = table().query("not (variant == 'random' and seed >= 5)")
    one = row(differences(outcomes, CONTROL), setting="sgd", metric="loss")
    pair = VALUES["sgd", "gradmax", "loss"][:5], VALUES["sgd", "random", "loss"][:5]
    assert (one["n"], one["mean"]) == (5, pytest.approx((pair[0] - pair[1]).mean()))
    assert differences(table().query("(variant == 'random') == (seed < 5)"), CONTROL).empty


def test_every_variant_may_have_a_control_of_its_own() -> None:
    outcomes = pd.concat([table(), table(value=0.0).assign(variant=lambda t: t["variant"] + ", later")])
    found = differences(outcomes, {"gradmax": "random", "gradmax, later": "random, later"})
    assert set(zip(found["variant"], found["control"], strict=True)) == {
        ("gradmax", "random"),
        ("gradmax, later", "random, later"),
    }
    later = found[found["variant"] == "gradmax, later"]
    assert (later[["mean", "low", "high"]] == 0).all(axis=None)


def test_what_the_control_lacks_is_not_compared() -> None:
    outcomes = table().query("not (variant == 'random' and metric == 'spikes')")
    assert set(differences(outcomes, CONTROL)["metric"]) == {"loss"}
    assert differences(outcomes, dict.fromkeys(RULES, "wishful")).empty


def test_bad_tables_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lack the columns \['seed'\]"):
        summary(table().drop(columns="seed"))
    with pytest.raises(ValueError, match="nan or infinite"):
        summary(table().assign(value=np.nan))
    with pytest.raises(ValueError, match="same condition, metric and seed"):
        differences(pd.concat([table(), table().head(1)]), CONTROL)


def test_a_curve_is_summed_up_step_by_step() -> None:
    losses = table().query("setting == 'sgd' and metric == 'loss'")
    curves = pd.concat([losses.assign(step=step, value=lambda t, s=step: t["value"] + s) for step in (0, 10)])
    found = curve_summary(curves)
    assert len(found) == 4
    first, second = (row(found[found["step"] == step], variant="random") for step in (0, 10))
    for name in ("mean", "low", "high"):
        assert second[name] - first[name] == pytest.approx(10.0)
    assert first["mean"] == pytest.approx(VALUES["sgd", "random", "loss"].mean())


def test_front_by_hand() -> None:
    points = pd.DataFrame({"wires": [5, 1, 3, 3, 9, 1, 2], "accuracy": [0.9, 0.5, 0.8, 0.7, 0.9, 0.5, np.nan]})
    assert pareto_front(points)[["wires", "accuracy"]].to_numpy().tolist() == [[1, 0.5], [1, 0.5], [3, 0.8], [5, 0.9]]


@pytest.mark.parametrize("seed", range(20))
def test_front_is_what_comparing_all_pairs_gives(seed: int) -> None:
    chance = np.random.default_rng(seed)
    points = pd.DataFrame({"c": chance.integers(6, size=25), "g": chance.integers(6, size=25)})
    rows = points.to_numpy()
    dominated = [any(c2 <= c and g2 >= g and (c2 < c or g2 > g) for c2, g2 in rows) for c, g in rows]
    assert set(pareto_front(points, "c", "g").index) == set(points.index[~np.array(dominated)])


def test_front_names_a_column_that_is_missing() -> None:
    with pytest.raises(ValueError, match=r"lacks the columns \['gain'\]"):
        pareto_front(pd.DataFrame({"wires": [1]}), gain="gain")
