"""Files that are written hold the net, all of it; what they cannot hold is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from smalti.analysis.export import nir as files  # noqa: E402
from smalti.analysis.export.importers import ratings  # noqa: E402
from smalti.analysis.export.net import export_net  # noqa: E402
from smalti.analysis.export.population import population_of  # noqa: E402
from smalti.analysis.export.stepping import spikes_of  # noqa: E402
from smalti.analysis.runs import load_run  # noqa: E402
from smalti.model.mapping.net import Net  # noqa: E402
from smalti.scheduler.configuration.config import Config  # noqa: E402
from smalti.scheduler.runner import start  # noqa: E402
from smalti.scheduler.simulation import Simulation  # noqa: E402


@pytest.mark.parametrize(("reset", "form"), [("soft", "exact"), ("hard", "lif")])
@pytest.mark.parametrize("expert", [None, 1])
def test_a_file_that_is_stepped_gives_all_spikes_of_the_chip(
    runs: dict[str, Path], reset: str, form: str, expert: int | None, tmp_path: Path
) -> None:
    done = export_net(load_run(runs[reset]), tmp_path / "net.nir", expert=expert, samples=8)
    assert (done.form, done.differing) == (form, 0)
    data = nir.read_data(tmp_path / "net.spikes.nir")
    x, spikes = (data.nodes[name].observables["spikes"].data for name in ("input", files.NODES[done.form][-1]))
    assert x.shape[:2] == spikes.shape[:2] == (8, 12)
    assert done.spikes == spikes.sum() > 20
    graph = files.read(tmp_path / "net.nir")
    data.check_nodes(graph)
    assert ((spikes_of(graph, x, float(graph.metadata["dt"]))["output"] > 0) == spikes).all()


def test_the_membranes_of_output_units_are_in_the_file(simulations: dict[str, Simulation]) -> None:
    population = population_of(simulations["soft"])
    x = (np.random.default_rng(0).random((5, 12, population.net.channels)) < 0.4).astype(np.uint8)
    graph = files.graph_of(population.net, "exact", {})
    membranes = spikes_of(graph, x, files.DT)["neurons"] * graph.metadata["membrane_scale"]
    own = population.net.run(x)[1]
    assert np.abs(own[:, :, population.outputs]).max() > 0.1
    assert np.allclose(membranes[:, :, population.outputs], own[:, :, population.outputs], atol=1e-5)


def test_metadata_tell_where_neurons_are(
    runs: dict[str, Path], simulations: dict[str, Simulation], tmp_path: Path
) -> None:
    export_net(load_run(runs["soft"]), tmp_path / "net.nir", samples=0)
    assert not (tmp_path / "net.spikes.nir").exists()
    facts = files.read(tmp_path / "net.nir").metadata
    state = simulations["soft"].network.state
    slots = facts["tile"] * facts["neurons_per_tile"] + facts["slot"]
    assert slots.tolist() == state.alive.nonzero().flatten().tolist()
    assert slots[facts["outputs"]].tolist() == [s for e in simulations["soft"].gating.experts for s in e.outputs]
    assert (facts["form"], facts["reset"], facts["readout"], facts["tiles"].tolist()) == (
        *("exact", "soft", "membrane_mean"),
        [2, 2],
    )


def test_a_soft_reset_as_lif_is_another_net_and_told_so(runs: dict[str, Path], tmp_path: Path) -> None:
    done = export_net(load_run(runs["soft"]), tmp_path / "net.nir", "lif", samples=16)
    assert done.differing > 0
    assert {r.verdict for r in done.ratings} == {"approximate", "refused"}


def test_a_hard_reset_has_no_exact_form(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the form exact is that of soft resets"):
        export_net(load_run(runs["hard"]), tmp_path / "net.nir", "exact")
    assert not list(tmp_path.iterdir())


def test_metadata_say_what_is_dead(tiny: Callable[..., Config], runs: dict[str, Path], tmp_path: Path) -> None:
    start(tiny(faults={"row_share": 0.1, "slot_share": 0.1}), tmp_path / "run", lambda simulation: None)
    for run, name in ((tmp_path / "run", "broken"), (runs["soft"], "whole")):
        export_net(load_run(run), tmp_path / f"{name}.nir", samples=0)
    told = json.loads(files.read(tmp_path / "broken.nir").metadata["faults"])
    assert told["known"] is True
    assert told["dead_rows"]
    assert told["dead_slots"]
    assert "faults" not in files.read(tmp_path / "whole.nir").metadata


@pytest.mark.parametrize(
    ("kind", "words"),
    [({"synapse_ms": 5.0}, "have slow synapses"), ({"adaptation": 0.5}, "have thresholds that adapt")],
)
def test_neurons_that_only_we_know_are_refused(
    tiny: Callable[..., Config], kind: dict[str, float], words: str, tmp_path: Path
) -> None:
    start(tiny(network={"kinds": {"own": kind}}), tmp_path / "run", lambda simulation: None)
    with pytest.raises(ValueError, match=f"some neurons of this net {words}, which no format here expresses"):
        export_net(load_run(tmp_path / "run"), tmp_path / "net.nir")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def small(**changes: object) -> Net:
    half = np.full(2, 0.5, dtype=np.float32)
    whole = Net(half[:, None], np.zeros((2, 2), np.float32), half, 2 * half, np.ones(2, dtype=np.bool_), True)
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_ratings_follow_the_net() -> None:
    told = {rating.importer: rating.verdict for rating in ratings(small(), "lif")}
    assert told == {
        "nirtorch 2.6": "faithful",
        "Norse 1.1": "faithful",
        "SpikingJelly 2.0": "faithful",
        "snnTorch 1.0": "refused",
    }
    varied = ratings(small(leak=np.array([0.5, 0.6], dtype=np.float32)), "lif")
    assert [r.verdict for r in varied] == ["faithful", "faithful", "refused", "refused"]
    assert [r.verdict for r in ratings(small(hard=False), "exact")] == ["faithful", *["refused"] * 3]


def test_what_is_no_nir_file_is_refused_with_its_name(tmp_path: Path) -> None:
    other = tmp_path / "other.nir"
    with pytest.raises(ValueError, match="is no file"):
        files.read(other)
    for content in (b"", b"nothing", b"\x89HDF\r\n\x1a\n" + bytes(200)):
        other.write_bytes(content)
        with pytest.raises(ValueError, match=r"other\.nir cannot be read as NIR"):
            files.read(other)
