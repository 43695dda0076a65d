"""What a run leaves: its folder, tables and their schema, checkpoints, what it ran on."""
