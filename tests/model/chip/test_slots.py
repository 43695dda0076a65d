from __future__ import annotations

import torch

from smalti.model.chip.fabric import Fabric, FabricOptions
from smalti.model.chip.slots import FreeSlots


def test_free_slots_follow_every_change_and_only_changed_tiles_are_made_anew() -> None:
    fabric = Fabric(FabricOptions(rows=3, cols=3, neurons_per_tile=4))
    free, alive = FreeSlots(fabric), torch.zeros(fabric.neurons, dtype=torch.bool)
    chance = torch.Generator().manual_seed(0)
    for _ in range(30):
        before = list(free.now(alive))
        changed = torch.randint(fabric.neurons, (3,), generator=chance)
        alive[changed] ^= True
        now = free.now(alive)
        for tile in range(fabric.tiles):
            slots = range(4 * tile, 4 * tile + 4)
            assert now[tile] == [slot for slot in slots if not alive[slot]]
            if tile not in (changed // 4).tolist():
                assert now[tile] is before[tile]
