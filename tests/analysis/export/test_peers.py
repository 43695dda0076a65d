"""Other tools read the files and give the same spikes, all of them; each test is skipped where its tool is absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

nir = pytest.importorskip("nir")

from smalti.analysis.export import nir as files  # noqa: E402
from smalti.analysis.export.net import export_net  # noqa: E402
from smalti.analysis.runs import load_run  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # of the tools, whose warnings are not ours
Stepped = Callable[[Any], np.ndarray]


class Cell(torch.nn.Module):
    """The steps of LI and LIF as their docstrings have them."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.share = torch.from_numpy(files.DT / node.tau)
        self.threshold = torch.from_numpy(node.v_threshold) if isinstance(node, nir.LIF) else None

    def forward(self, i: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        before = torch.zeros_like(i) if state is None else state
        v = before + self.share * (i - before)
        if self.threshold is None:
            return v, v
        fired = (v >= self.threshold).to(v.dtype)
        return fired, v * (1 - fired)


class Fires(torch.nn.Module):
    """A Threshold."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.threshold = torch.from_numpy(node.threshold)

    def forward(self, v: Tensor) -> Tensor:
        return (v >= self.threshold).to(v.dtype)


def expect_all_spikes(run: Path, file: Path, load: Callable[[Path], Any]) -> None:
    """Export a run, let a tool step the file over the samples that went along, and compare."""
    export_net(load_run(run), file, samples=48)
    data = nir.read_data(file.with_name("net.spikes.nir")).nodes
    x = torch.from_numpy(data["input"].observables["spikes"].data).float()
    there = data[files.NODES[nir_form(file)][-1]].observables["spikes"].data
    module, state, steps = load(file), None, []
    for t in range(x.shape[1]):
        fired, state = module(x[:, t], state)
        steps.append(fired.detach().numpy() > 0)
    assert there.sum() > 200
    assert (np.stack(steps, 1) == there).all()


def nir_form(file: Path) -> files.Form:
    form: files.Form = files.read(file).metadata["form"]
    return form


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_nirtorch(runs: dict[str, Path], reset: str, tmp_path: Path) -> None:
    nirtorch = pytest.importorskip("nirtorch")
    cells = {nir.LI: Cell, nir.LIF: Cell, nir.Threshold: Fires}
    expect_all_spikes(runs[reset], tmp_path / "net.nir", lambda file: nirtorch.nir_to_torch(nir.read(file), cells))


def test_norse(runs: dict[str, Path], tmp_path: Path) -> None:
    norse = pytest.importorskip("norse.torch")
    expect_all_spikes(runs["hard"], tmp_path / "net.nir", lambda file: norse.from_nir(nir.read(file), dt=files.DT))


def test_spikingjelly(runs: dict[str, Path], tmp_path: Path) -> None:
    jelly = pytest.importorskip("spikingjelly.activation_based.nir_exchange.from_nir")
    load = jelly.import_from_nir
    expect_all_spikes(runs["hard"], tmp_path / "net.nir", lambda file: load(str(file), dt=files.DT))


def test_snntorch_takes_no_net_that_is_wired_back(runs: dict[str, Path], tmp_path: Path) -> None:
    snntorch = pytest.importorskip("snntorch.import_nir")
    export_net(load_run(runs["hard"]), tmp_path / "net.nir", samples=0)
    with pytest.raises(AttributeError):
        snntorch.import_from_nir(nir.read(tmp_path / "net.nir"))
