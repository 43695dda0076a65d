"""Who was ever born and which links were ever laid: the content of the tables ``neurons`` and ``links``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smalti.agents.auction.bids import SEED
from smalti.model.chip.fabric import Fabric
from smalti.model.chip.links import Links, side_of_row
from smalti.model.kinds import time_constant
from smalti.model.network import Network

Row = dict[str, object]


class NeuronRegistry:
    """Birth and link registers of one run. Neuron ids are given in order of birth and never reused."""

    def __init__(self) -> None:
        self.neurons: list[Row] = []
        self.links: list[Row] = []
        self.id_of_slot: dict[int, int] = {}
        self.changed = True  # since somebody last wrote it down and set this to False
        self._open_links: dict[tuple[int, int], Row] = {}  # (source slot or channel, tile)
        self._followed: Links | None = None  # whose changes since the last call are known

    def born(self, network: Network, slot: int, rule: str, task: int, round_number: int) -> None:
        """Register a birth."""
        self.changed = True
        number = len(self.neurons)
        self.id_of_slot[slot] = number
        fabric = network.fabric
        self.neurons.append(
            {
                "neuron": number,
                **_place(fabric, slot),
                "birth_slot": slot,
                "kind": "output" if bool(network.state.output[slot]) else "hidden",
                "task": task,
                "rule": rule,
                **_cell(network, slot),
                "birth_round": round_number,
                "retired_round": None,
            }
        )

    def retired(self, slot: int, round_number: int) -> None:
        """Register a retirement, before the slot is given away again."""
        self.changed = True
        self.neurons[self.id_of_slot.pop(slot)]["retired_round"] = round_number

    def moved(self, fabric: Fabric, moved: Mapping[int, int]) -> None:
        """Register neurons that changed their slots; their links are read by ``follow``.

        Args:
            fabric: the chip.
            moved: slot before -> slot now.
        """
        numbers = {now: self.id_of_slot.pop(before) for before, now in moved.items()}
        self.id_of_slot |= numbers
        for slot, number in numbers.items():
            self.neurons[number] |= _place(fabric, slot)
            self.changed = True

    def follow(self, links: Links, round_number: int) -> None:
        """Register links laid and taken away since the last call.

        A slot given away again, or a link laid anew on another way, is another link, and all links of a neuron that
        moved are.
        """
        known = links is self._followed
        for key in sorted(links.touched if known else {*links.rows, *self._open_links}):
            before = self._open_links.get(key)
            now = self._record(links, *key, round_number) if key in links.rows else None
            if before and now and all(before[name] == now[name] for name in ("source", "row", "path")):
                continue
            if before is not None:
                self._open_links.pop(key)["retired_round"] = round_number
            if now is not None:
                self.links.append(now)
                self._open_links[key] = now
            self.changed = True
        links.touched.clear()
        self._followed = links

    def _record(self, links: Links, source: int, tile: int, round_number: int) -> Row:
        row, path, kind = links.rows[source, tile], links.paths[source, tile], links.kind(source, tile)
        return {
            "source": source - links.fabric.neurons if kind == "input" else self.id_of_slot[source],
            "kind": kind,
            "target_tile": tile,
            "row": row,
            "side": side_of_row(links.fabric, row),
            "hops": path.hops,
            "path": list(path.cells),
            "birth_round": round_number,
            "retired_round": None,
        }

    def grown_since(self, round_number: int) -> set[int]:
        """Slots of living neurons that were grown, not seeded, from a round on."""
        living = ((slot, self.neurons[number]) for slot, number in self.id_of_slot.items())
        return {slot for slot, row in living if int(str(row["birth_round"])) >= round_number and row["rule"] != SEED}

    def state_dict(self) -> dict[str, Any]:
        """Who lives where; the rest stands in the tables."""
        return {"slots": [*self.id_of_slot.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave; ``load_tables`` follows."""
        self.id_of_slot = dict(state["slots"])

    def load_tables(self, neurons: Sequence[Row], links: Iterable[Row], present: Links, last_round: int) -> None:
        """Take over tables as they were after a round, dropping what happened later.

        Args:
            neurons, links: rows of the tables.
            present: the chip's links after that round.
            last_round: the round.

        Raises:
            ValueError: the tables lack neurons that live on the chip, or hold others.
        """
        self.neurons = [_as_of(row, last_round) for row in neurons if _born_by(row, last_round)]
        self.links = [_as_of(row, last_round) for row in links if _born_by(row, last_round)]
        slot_of_id = {number: slot for slot, number in self.id_of_slot.items()}
        driving = {
            int(str(row["source"])) for row in self.links if row["retired_round"] is None and row["kind"] != "input"
        }
        if not slot_of_id.keys() <= set(range(len(self.neurons))) or not driving <= slot_of_id.keys():
            raise ValueError("the tables neurons and links are damaged: they do not hold what lives on the chip")
        for number, slot in slot_of_id.items():  # it may have moved later
            self.neurons[number] |= _place(present.fabric, slot)
        for row in self.links:
            if row["retired_round"] is None:
                number = int(str(row["source"]))
                is_input = row["kind"] == "input"
                source = present.fabric.neurons + number if is_input else slot_of_id[number]
                self._open_links[source, int(str(row["target_tile"]))] = row


def _cell(network: Network, slot: int) -> Row:
    """What a neuron is like."""
    state, options = network.state, network.options
    if state.output[slot]:
        return {"cell": "", "tau_ms": options.output_tau_ms, "synapse_ms": 0.0}
    name = [*options.kinds, ""][int(state.kind[slot])]  # NO_KIND is the last
    leak, synapse = (time_constant(float(decay[slot])) for decay in (state.leak, state.synapse))
    return {"cell": name, "tau_ms": leak, "synapse_ms": synapse}


def _place(fabric: Fabric, slot: int) -> Row:
    return {"tile": fabric.tile_of_slot(slot), "slot": slot}


def _born_by(row: Row, last_round: int) -> bool:
    return int(str(row["birth_round"])) <= last_round


def _as_of(row: Row, last_round: int) -> Row:
    retired = row["retired_round"]
    known = retired is not None and int(str(retired)) <= last_round
    return {**row, "retired_round": retired if known else None}
