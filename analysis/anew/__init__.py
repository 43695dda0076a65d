"""A run asked anew: it is rebuilt from its checkpoint and shown samples, to see who fires and what comes out."""
