"""What only shows when chip, stream and options meet: refused before a simulation is built."""
