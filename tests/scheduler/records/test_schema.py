from __future__ import annotations

import pyarrow as pa
import pytest

from smalti.scheduler.records.schema import APPENDED, REWRITTEN, TABLES, arrow_schema

PUBLISHED = {
    "rounds": "round experience task step unit loss accuracy validation neurons links devices wires spikes_per_sample "
    "hop_spikes_per_sample operations writes most_written stored_values hidden_rate born retired given_back lost "
    "relaid pruned rewired swapped learning_rate novelty seconds_train seconds_evaluate seconds_other seconds_compile",
    "bids": "round candidate tile slot twin task rule cell value cost price surplus won reason",
    "ports": "round grid_row grid_col kind side direction used capacity",
    "evaluations": "after on setting split score accuracy samples spikes_per_sample hop_spikes_per_sample "
    "operations_per_sample gate_adds_per_sample gate_stored_values gate_buffered_spikes gate_latency "
    "multiplications_per_sample gate_multiplications_per_sample gate_counted_spikes latency "
    "corner_hop_spikes_per_sample roc_auc average_precision",
    "detections": "round step event detector value threshold expert classes",
    "openings": "round task name step expert loss score taken served refused bought paid taps inputs experts_run "
    "neurons_run centres",
    "repairs": "round task expert repair loss_before loss_promised loss_after writes price taken",
    "switches": "after on split believed expert trials found kept",
    "fates": "round task neuron age gradient_in gradient_out worth loss",
    "copies": "round draw seconds setting split task accuracy",
    "neurons": "neuron tile slot birth_slot kind task rule cell tau_ms synapse_ms birth_round retired_round",
    "links": "source kind target_tile row side hops path birth_round retired_round",
}


def test_columns_are_the_published_ones_in_their_order() -> None:
    assert {table: " ".join(c.name for c in columns) for table, columns in TABLES.items()} == PUBLISHED


def test_every_table_is_either_appended_to_or_rewritten() -> None:
    assert sorted((*APPENDED, *REWRITTEN)) == sorted(TABLES)


@pytest.mark.parametrize("table", PUBLISHED)
def test_every_field_carries_unit_and_meaning(table: str) -> None:
    for field in arrow_schema(table):
        assert field.metadata[b"unit"].strip(), field.name
        assert len(field.metadata[b"meaning"]) >= 8, field.name
        assert field.nullable == (field.name == "retired_round")
        assert field.name.startswith("seconds") == (field.metadata[b"unit"] == b"s")


def test_types() -> None:
    assert arrow_schema("links").field("path").type == pa.list_(pa.int32())
    assert arrow_schema("neurons").field("retired_round").type == pa.int32()
    assert {arrow_schema("bids").field(c).type for c in ("value", "cost", "price", "surplus")} == {pa.float64()}


def test_unknown_table() -> None:
    with pytest.raises(ValueError, match="no table 'spikes'; take one of rounds, bids"):
        arrow_schema("spikes")
