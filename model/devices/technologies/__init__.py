"""Technologies of memristive devices: of each, how a conductance comes out, changes and reads."""
