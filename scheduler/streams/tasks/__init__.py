"""Streams that are made, not read: tasks whose difficulty is a dial, one file a family, their options beside them."""
