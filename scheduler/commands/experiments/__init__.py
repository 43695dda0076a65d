"""Commands that run many simulations: ``smalti sweep``, ``compare``, ``benchmark``."""
