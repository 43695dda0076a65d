"""The configuration of a run: composed once, read from whatever a user gives, written, and named."""
