from __future__ import annotations

from typing import Any

import pytest
import torch

from smalti.model.grafting.overheard import Overheard
from smalti.model.probe import Kernel
from smalti.scheduler.configuration.configure import configure
from smalti.scheduler.growth import seed_expert
from smalti.scheduler.simulation import Simulation

ALONE: dict[str, Any] = {}
SIBLINGS = {"growth.siblings": True, "growth.sibling_weight": 1.0, "growth.seed_width": 3}
KINDS = {"network.kinds.slow.synapse_ms": 5.0, "network.kinds.own.adaptation": 0.3, "growth.seed_width": 2}
DEVICES = {"devices.kind": "mosaic", "devices.stuck_off": 0.1}
FAULTS = {"faults.row_share": 0.05, "faults.slot_share": 0.05, "faults.wire_share": 0.02, "faults.known": False}
FABRIC = {"fabric.rows": 5, "fabric.cols": 3, "run.quick": True}


@pytest.mark.parametrize("options", [ALONE, SIBLINGS, KINDS, DEVICES, FAULTS, {"network.engine": "dense"}], ids=str)
def test_it_shows_what_the_whole_network_does_at_every_stage(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, seen = Simulation(configure({**FABRIC, **options})), []

    class Compared(Overheard):
        def follow(self, running: torch.Tensor) -> Overheard:
            super().follow(running)
            network = self.network
            x, outputs = self.x, torch.tensor(simulation.gating.experts[0].outputs)
            probe = network.probe(x, outputs, lambda logits: logits.sum(1), running)
            every = torch.arange(network.fabric.neurons + network.channels)
            assert torch.equal(self.drive(every), probe.drive(every))
            seen.append(int(probe.counts.any(1).sum()))
            return self

    monkeypatch.setattr(seed_expert, "Overheard", Compared)
    simulation.protocol.begin(simulation._prepare())
    assert len(seen) == 7  # distances of tiles from the outputs
    assert seen == sorted(seen)
    assert seen[-1] > seen[1] > 0


def test_it_wants_nothing() -> None:
    simulation = Simulation(configure(FABRIC))
    simulation.step()
    x, _ = simulation.batches_of(simulation.experience).probe(8, 0)
    heard = Overheard(simulation.network, x).follow(simulation.network.state.alive)
    sources = torch.nonzero(heard.counts.any(1)).flatten()[:4]
    moment, covariance = heard.moments(Kernel(0.9), sources, sources)
    trace = Kernel(0.9).trace(heard.drive(sources))
    torch.testing.assert_close(covariance, torch.einsum("tpb,trb->pr", trace, trace) / trace[:, 0].numel())
    assert covariance.diagonal().all()
    assert not moment.any()
    assert not heard.adjoints(sources).any()
    assert not heard.loss.any()
