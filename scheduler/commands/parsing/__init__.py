"""From arguments to commands: which there are, their short help, and arguments before tyro reads them."""
