from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from smalti.analysis.anew import activity
from smalti.analysis.restored import restored
from smalti.analysis.runs import Run, load_run
from smalti.scheduler.answers import evaluation
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.simulation import Simulation
from smalti.scheduler.streams.batches import VALIDATION


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return load_run(finished_run)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_restored_network_answers_as_the_tables_say_and_the_folder_stays(run: Run) -> None:
    before = contents(run.path)
    simulation = restored(run)
    table = run.table("evaluations").set_index(["after", "on", "setting", "split"])
    for experience in simulation.stream.experiences:
        x, labels = simulation.batches_of(experience).evaluation(VALIDATION)
        answers = evaluation.with_task(simulation.gating, x, experience.classes)
        row = table.loc[(1, experience.task, "task", "validation")]
        assert answers.score(labels) == row["accuracy"]
        assert answers.spikes_per_sample == row["spikes_per_sample"]
    assert contents(run.path) == before


def test_counts_are_the_spikes_that_the_evaluations_tell(run: Run) -> None:
    counts = activity.spike_counts(run)
    evaluations = run.table("evaluations")
    last = evaluations[(evaluations["after"] == 1) & (evaluations["setting"] == "task")]
    told = last[last["split"] == "validation"].set_index("on")
    assert counts.sum(axis=1).groupby(level="task").mean().to_dict() == pytest.approx(
        told["spikes_per_sample"].to_dict()
    )
    neurons = run.table("neurons")
    hidden = neurons[(neurons["kind"] == "hidden") & neurons["retired_round"].isna()]
    assert sorted(counts.columns) == sorted(hidden["neuron"])
    assert activity.spikes_per_sample(run).sum() == pytest.approx(told["spikes_per_sample"].mean())


def test_only_the_expert_of_a_task_fires_unless_all_run(run: Run) -> None:
    born_for = run.table("neurons").set_index("neuron")["task"]
    own, everyone = activity.spike_counts(run), activity.spike_counts(run, running="all")
    for task, part in own.groupby(level="task"):
        others = [neuron for neuron in own.columns if born_for[neuron] != task]
        assert not part[others].to_numpy().any()
        mine = [neuron for neuron in own.columns if born_for[neuron] == task]
        pd.testing.assert_frame_equal(everyone.loc[[task], mine], part[mine])  # experts do not listen to each other
        assert everyone.loc[[task], others].to_numpy().any()
    with pytest.raises(ValueError, match="take expert or all"):
        activity.spike_counts(run, running="some")


def test_task_variance_by_hand() -> None:
    index = pd.MultiIndex.from_tuples([(0, 0), (0, 1), (1, 0), (1, 1)], names=["task", "sample"])
    counts = pd.DataFrame({7: [0, 4, 1, 3], 8: [0, 0, 2, 2], 9: [1, 1, 0, 2]}, index=index)
    variance = activity.normalised_variance(counts)
    assert variance.loc[7].tolist() == [1.0, 0.25]  # variances 4 and 1
    assert variance.loc[9].tolist() == [0.0, 1.0]
    assert 8 not in variance.index  # it fires, but never varies


def test_task_variance_of_a_run_is_one_for_its_own_task(run: Run) -> None:
    variance = activity.task_variance(run)
    born_for = run.table("neurons").set_index("neuron")["task"]
    assert len(variance)
    assert (variance.max(axis=1) == 1).all()
    assert (variance.idxmax(axis=1) == born_for[variance.index]).all()


def test_clusters_are_the_groups_that_are_there() -> None:
    chance = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 8)
    values = np.clip(np.eye(3)[truth] + 0.1 * chance.random((24, 3)), 0, 1)
    clusters = activity.functional_clusters(pd.DataFrame(values, index=range(100, 124)))
    assert len({(t, c) for t, c in zip(truth, clusters, strict=True)}) == 3 == clusters.nunique()
    assert clusters.index.tolist() == list(range(100, 124))


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_neurons_that_are_all_alike_are_one_cluster(rows: int) -> None:
    assert activity.functional_clusters(pd.DataFrame(np.ones((rows, 2)))).tolist() == [0] * rows


@pytest.mark.parametrize("running", ["expert", "all"])
def test_raster_holds_the_spikes_that_are_counted(run: Run, running: activity.Running) -> None:
    raster = activity.spikes_of(run, 1, samples=3, running=running)
    counts = activity.spike_counts(run, running).loc[1].iloc[:3]
    hidden = raster.spikes[raster.spikes["kind"] == "hidden"]
    seen = pd.crosstab(hidden["sample"], hidden["unit"])
    seen = seen.reindex(index=range(3), columns=counts.columns, fill_value=0)
    np.testing.assert_array_equal(seen.to_numpy(), counts.to_numpy())
    simulation = restored(run)
    x, wanted = simulation.batches_of(simulation.stream.experiences[1]).evaluation(VALIDATION)
    heard = raster.spikes[raster.spikes["kind"] == "input"]
    again = torch.zeros_like(x[:3])
    again[heard["sample"].tolist(), heard["step"].tolist(), heard["unit"].tolist()] = 1
    assert torch.equal(again, x[:3])
    assert raster.labels == tuple(wanted.labels[:3].tolist())
    assert (raster.task, raster.steps, raster.channels) == (1, x.shape[1], x.shape[2])
    assert raster.neurons["slot"].is_monotonic_increasing


def test_trains_are_those_of_the_devices_and_of_what_arrives(tiny: Callable[..., Config]) -> None:
    faults = {"row_share": 0.1, "slot_share": 0.1, "known": False}
    simulation = Simulation(tiny(devices={"kind": "mosaic", "mosaic_noise": 0.2}, faults=faults))
    simulation.step()
    network, experience = simulation.network, simulation.stream.experiences[0]
    x, _ = simulation.batches_of(experience).evaluation(VALIDATION)
    outputs, mask = activity.who_runs(simulation, experience, "expert")
    with torch.no_grad():
        counts = network.run(x, outputs, mask).counts
    assert counts.sum() > 50
    assert torch.equal(activity.spike_trains(network, x, mask).sum(0), counts)


def test_a_simulation_that_is_there_is_asked_as_it_is(run: Run) -> None:
    simulation = restored(run)
    assert restored(simulation) is simulation
    pd.testing.assert_frame_equal(activity.spike_counts(simulation), activity.spike_counts(run))


def test_raster_of_what_is_not_there(run: Run) -> None:
    with pytest.raises(ValueError, match="the stream has the experiences 0 to 1"):
        activity.spikes_of(run, 2)
    with pytest.raises(ValueError, match=r"experience 0 has 1 to \d+ validation samples"):
        activity.spikes_of(run, 0, samples=10_000)


def test_says_why_a_run_cannot_be_asked(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    facts = json.loads((copy / "environment.json").read_text(encoding="utf-8"))
    (copy / "environment.json").write_text(json.dumps({**facts, "schema_version": 2}), encoding="utf-8")
    with pytest.raises(ValueError, match="was begun with tables of schema 2"):
        activity.spike_counts(load_run(copy))
    (copy / "environment.json").write_text(json.dumps(facts), encoding="utf-8")
    (copy / "checkpoint" / "state.safetensors").unlink()
    with pytest.raises(ValueError, match="has no checkpoint yet"):
        activity.spike_counts(load_run(copy))


def test_inputs_are_the_spikes_that_samples_have(run: Run) -> None:
    simulation, spikes = restored(run), activity.input_spikes(run)
    counts = [
        simulation.batches_of(experience).evaluation(VALIDATION)[0].numpy().sum(1).mean(0)
        for experience in simulation.stream.experiences
    ]
    np.testing.assert_allclose(spikes, np.mean(counts, axis=0))
    assert list(spikes.index) == list(range(simulation.network.channels))
