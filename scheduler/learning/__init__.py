"""Learning in a round: training and what its steps showed, what keeps old tasks, and how classes are weighed."""
