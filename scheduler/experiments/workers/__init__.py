"""Who runs the trials of an experiment: processes, clusters, and what one worker does with one trial."""
