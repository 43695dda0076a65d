"""From values of any kind to spikes: coded, pooled, scaled, drawn. Knows no files and no experiences."""
