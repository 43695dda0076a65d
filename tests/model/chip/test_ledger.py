from __future__ import annotations

import pytest

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.ledger import Ledger
from smalti.model.chip.routes import paths


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(FabricOptions(rows=3, cols=3, neurons_per_tile=4, wires=2, corner_wires=1))


def test_a_shared_trunk_is_one_wire(fabric: Fabric) -> None:
    """Tile 0 to 4 and to 8 share the way south and the first cells; each port counts once."""
    ledger = Ledger(fabric)
    near, far = paths(fabric, 0, 4)[0].ports, paths(fabric, 0, 8)[0].ports
    shared = set(near) & set(far)
    assert len(shared) >= 4
    ledger.reserve(0, near)
    assert ledger.wires_needed(0, far) == [port for port in far if port not in shared]
    assert ledger.wires_needed(1, far) == list(far)
    ledger.reserve(0, far)
    assert ledger.used.sum() == len(set(near) | set(far))
    assert ledger.used.max() == 1


def test_a_wire_is_free_when_the_last_link_on_it_is_gone(fabric: Fabric) -> None:
    ledger = Ledger(fabric)
    near, far = paths(fabric, 0, 4)[0].ports, paths(fabric, 0, 8)[0].ports
    ledger.reserve(0, near)
    ledger.reserve(0, far)
    ledger.release(0, far)
    assert {port for port in range(len(ledger.used)) if ledger.used[port]} == set(near)
    assert ledger.wires_needed(0, near) == []
    ledger.release(0, near)
    assert not ledger.used.any()
    assert ledger.wires_needed(0, near) == list(near)


def test_blocked_names_the_first_full_port_but_not_for_who_is_on_it(fabric: Fabric) -> None:
    ledger = Ledger(fabric)
    path = paths(fabric, 0, 8)[0]
    assert ledger.blocked(0, path.ports) is None
    ledger.reserve(0, path.ports)
    first_corner = next(port for port in path.ports if fabric.kind(port // 8) == "r0")
    assert ledger.blocked(1, path.ports) == first_corner  # one wire only at corners
    assert ledger.blocked(0, path.ports) is None
    assert ledger.free(first_corner) == 0
    assert ledger.free(path.ports[0]) == 1
    ledger.release(0, path.ports)
    assert ledger.blocked(1, path.ports) is None
    assert ledger.free(first_corner) == 1


def test_dead_cells_have_no_wires() -> None:
    fabric = Fabric(FabricOptions(rows=2, cols=2, dead_routers=((2, 2),)))
    assert Ledger(fabric).blocked(0, [fabric.port(12, 0, 0)]) == fabric.port(12, 0, 0)


def test_a_reservation_never_crosses_a_limit(fabric: Fabric) -> None:
    ledger = Ledger(fabric)
    path = paths(fabric, 0, 8)[0]
    ledger.reserve(0, path.ports)
    with pytest.raises(AssertionError, match="R0"):
        ledger.reserve(1, path.ports)
