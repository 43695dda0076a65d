from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from smalti.analysis.anew import activity
from smalti.analysis.chip import modules
from smalti.analysis.experiment import measure
from smalti.analysis.quantities import METRICS, OF_MODULES
from smalti.analysis.runs import load_run
from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump
from smalti.scheduler.records.folder import create_run

FABRIC = Fabric(FabricOptions(rows=2, cols=2, neurons_per_tile=4))


def network(tiles: list[int], edges: list[tuple[int, int, float]]) -> nx.DiGraph:
    made = nx.DiGraph()
    for neuron, tile in enumerate(tiles):
        made.add_node(neuron, tile=tile, kind="hidden")
    made.add_weighted_edges_from(edges)
    return made


def test_distance_within_clusters_by_hand() -> None:
    """Clusters 0 0 0 and 1 1 in tiles 0 0 3 and 1 2: pairs 0, 2, 2 and 2; the single one of cluster 2 has no pair."""
    tiles = np.array([0, 0, 3, 1, 2, 0])
    apart = modules.tiles_between(FABRIC, tiles[:, None], tiles)
    assert modules.distance_within(apart, np.array([0, 0, 0, 1, 1, 2])) == pytest.approx(6 / 4)


def test_weighted_modularity_is_that_of_networkx() -> None:
    chance = np.random.default_rng(0)
    weight, labels = chance.random((9, 9)) * (chance.random((9, 9)) < 0.5), chance.integers(3, size=9)
    groups = [set(np.flatnonzero(labels == label).tolist()) for label in range(3)]
    wanted = nx.community.modularity(nx.from_numpy_array(weight, create_using=nx.DiGraph), groups)
    assert modules.weighted_modularity(weight, labels) == pytest.approx(wanted)


def test_two_pairs_by_hand() -> None:
    """Each drives its partner: Q = 1/2 for these, -1/2 for the two other ways to pair them up; loops count nothing.

    Partners share a tile, others are 1 apart, so that pairs drawn anew are (0 + 1 + 1) / 3 apart.
    """
    edges = [(0, 1, 1.0), (1, 0, -1.0), (2, 3, 1.0), (3, 2, 1.0), (0, 0, 9.0)]
    found = modules.anatomy(network([0, 0, 1, 1], edges), pd.Series([4, 4, 7, 7]), FABRIC, permutations=6000)
    assert found.distance == 0
    assert found.anatomical == 1
    assert found.quantile == pytest.approx(1 / 3, abs=0.03)
    assert found.wiring == pytest.approx(0.5 + 1 / 6, abs=0.03)
    mixed = modules.anatomy(network([0, 1, 0, 1], edges), pd.Series([4, 4, 7, 7]), FABRIC, permutations=6000)
    assert mixed.anatomical == pytest.approx(1 - 1 / (2 / 3), abs=0.05)
    assert mixed.quantile == 1
    assert mixed.wiring == pytest.approx(found.wiring, abs=0.03)


def test_nothing_is_found_where_labels_say_nothing() -> None:
    """Labels that are drawn give 0 in the mean."""
    chance = np.random.default_rng(1)
    weight = chance.random((40, 40))
    edges = [(a, b, weight[a, b]) for a in range(40) for b in range(40)]
    made = network(chance.integers(4, size=40).tolist(), edges)
    drawn = [modules.anatomy(made, pd.Series(chance.integers(4, size=40)), FABRIC, permutations=60) for _ in range(40)]
    assert np.mean([one.anatomical for one in drawn]) == pytest.approx(0, abs=0.03)
    assert np.mean([one.wiring for one in drawn]) == pytest.approx(0, abs=0.005)
    assert np.mean([one.quantile for one in drawn]) == pytest.approx(0.5, abs=0.15)


def test_what_has_no_pair_is_refused() -> None:
    edges = [(0, 1, 1.0)]
    with pytest.raises(ValueError, match="no cluster of two neurons"):
        modules.anatomy(network([0, 1], edges), pd.Series([0, 1]), FABRIC)
    with pytest.raises(ValueError, match="no weight between them"):
        modules.anatomy(network([0, 1], [(0, 0, 1.0)]), pd.Series([0, 0]), FABRIC)


def test_weight_between_neurons_by_hand() -> None:
    made = network([0, 1, 3], [(0, 1, -3.0), (1, 2, 1.0), (0, 0, 4.0)])
    assert modules.weight_between(made, [1, 0]).tolist() == [[0, 0], [3, 0]]
    assert not modules.weight_between(made, [0, 2]).any()


def test_only_neurons_that_lead_on_to_outputs_take_part() -> None:
    """A chain 0 1 2 to the output 3, 4 beside it, hearing the chain, and 5, whose device weighs nothing."""
    made = network([0] * 6, [(0, 1, 1.0), (1, 2, -1.0), (2, 3, 1.0), (2, 4, 1.0), (4, 4, 1.0), (5, 3, 0.0)])
    made.nodes[3]["kind"] = "output"
    assert modules.leading_on(made) == {0, 1, 2, 3}
    made.remove_edge(2, 3)
    assert modules.leading_on(made) == {3}


def test_length_of_weight_by_hand() -> None:
    made = network([0, 1, 3], [(0, 1, -3.0), (0, 2, 1.0), (0, 0, 4.0)])
    assert modules.weighted_length(made, FABRIC) == pytest.approx((3 * 1 + 1 * 2) / 8)
    assert modules.weighted_length(network([0, 1], []), FABRIC) == 0


def test_clusters_of_tasks_beat_shuffled_ones_and_noise_does_not() -> None:
    chance = np.random.default_rng(0)
    profiles = np.repeat(np.eye(3) @ np.repeat(np.eye(3), 3, axis=1), 12, axis=0)  # three tasks each
    clear = pd.DataFrame(np.clip(profiles + 0.05 * chance.random(profiles.shape), 0, 1))
    noise = pd.DataFrame(chance.random((36, 9)))
    clusters, silhouette = activity.clustered(clear)
    assert clusters.nunique() == 3
    assert silhouette > 0.9
    assert silhouette - modules.shuffled_silhouette(clear) > 0.4
    assert abs(activity.clustered(noise)[1] - modules.shuffled_silhouette(noise)) < 0.05


def test_a_joint_run_tells_its_tasks_by_label(joint_run: Path) -> None:
    run = load_run(joint_run)
    assert activity.spike_counts(run).index.unique("task").tolist() == [0]
    by_label = activity.spike_counts(run, by="label")
    assert by_label.index.unique("task").tolist() == [0, 1, 2]
    assert by_label.shape == (3 * 256, 16)
    pd.testing.assert_frame_equal(
        by_label.reset_index(drop=True).sort_values([*by_label.columns], ignore_index=True),
        activity.spike_counts(run).sort_values([*by_label.columns], ignore_index=True),
    )


def test_seeds_stand_everywhere_and_reach_everywhere(joint_run: Path) -> None:
    run = load_run(joint_run)
    hidden = run.table("neurons").query("kind == 'hidden'")
    assert hidden.groupby("tile").size().tolist() == [4] * 4
    links = run.table("links").query("kind != 'input'")
    assert (links[links["source"].isin(hidden["neuron"])].groupby("source").size() == 4).all()


def test_measures_of_a_run_are_those_that_are_named(joint_run: Path) -> None:
    found = modules.of_run(load_run(joint_run))
    assert tuple(found) == OF_MODULES
    assert set(OF_MODULES) <= set(METRICS)
    assert found == modules.of_run(load_run(joint_run))
    clusters = modules.clusters(load_run(joint_run))
    assert len(clusters) == found["taking_part"]
    assert clusters.nunique() == found["clusters"]
    assert 0 < found["weighted_length"] < 2
    links = load_run(joint_run).table("links")
    assert found["synapses"] <= 4 * 4 * 4 * 4 + 4 * 4 * 3
    assert found["neuron_hop_spikes"] > 0
    asked = load_run(joint_run).table("evaluations").query("after == 0 and split == 'validation'").iloc[0]
    inputs = activity.input_spikes(load_run(joint_run))
    entered = links[links["kind"] == "input"].groupby("source")["hops"].sum()
    whole = found["neuron_hop_spikes"] + float((inputs * entered.reindex(inputs.index)).sum())
    assert whole == pytest.approx(asked["hop_spikes_per_sample"], rel=1e-6)
    with_modules, without = (measure(joint_run, of_modules=asked)["flat"] for asked in (True, False))
    assert with_modules == {**without, **found}


def test_along_training_every_moment_is_measured_as_a_run_is(joint_run: Path) -> None:
    run = load_run(joint_run)
    table = modules.along(run)
    assert table.columns.tolist() == ["round", "step", "accuracy", "validation", *OF_MODULES]
    rounds = run.table("rounds")
    for name in ("round", "step", "accuracy"):
        assert table[name].tolist() == rounds[name].tolist()
    for number, row in zip(table["round"], table[list(OF_MODULES)].to_dict("records"), strict=True):
        assert row == modules.of_run(run.at(number))
    assert table["functional_modularity"].nunique() == 3


def test_a_run_without_snapshots_has_its_end_alone(joint_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(joint_run, tmp_path / "run", ignore=shutil.ignore_patterns("snapshots"))
    found, whole = modules.along(load_run(copy)), modules.along(load_run(joint_run))
    pd.testing.assert_frame_equal(found, whole.tail(1).reset_index(drop=True))
    assert list(modules.clusters_along(load_run(copy))) == [2]


def test_the_end_is_a_moment_where_the_last_snapshot_is_earlier(joint_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(joint_run, tmp_path / "run")
    shutil.rmtree(copy / "snapshots" / "round-00002")
    pd.testing.assert_frame_equal(modules.along(load_run(copy)), modules.along(load_run(joint_run)))


def test_what_takes_no_part_is_measured_as_far_as_it_goes(joint_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "FEWEST", 1000)
    table = modules.along(load_run(joint_run))
    assert table["functional_modularity"].isna().all()
    assert table["synapses"].notna().all()


def test_clusters_along_training_keep_their_neurons_and_the_last_keep_their_numbers(joint_run: Path) -> None:
    run = load_run(joint_run)
    found = modules.clusters_along(run)
    assert list(found) == [0, 1, 2]
    for number, own in found.items():
        alone = modules.clusters(run.at(number))
        assert own.index.equals(alone.index)
        assert len({*zip(own, alone, strict=True)}) == alone.nunique()
    pd.testing.assert_series_equal(found[2], modules.clusters(run))
    some = modules.clusters_along(run, (2, 0))
    assert list(some) == [0, 2]
    pd.testing.assert_series_equal(some[2], found[2])


def test_before_the_first_round_there_is_no_moment(tiny: Callable[..., Config], tmp_path: Path) -> None:
    create_run(tmp_path / "new", config=dump(tiny().resolved()), seed=0, threads=1)
    with pytest.raises(ValueError, match="no finished round yet; `smalti resume"):
        modules.along(load_run(tmp_path / "new"))
