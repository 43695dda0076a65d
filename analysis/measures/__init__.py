"""Measures of a run from its tables alone: of continual learning, along the stream, of copies, of what answers cost."""
