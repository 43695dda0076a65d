"""What can be seen of a stream before anything runs: facts, samples, and how much of the data the spikes still tell."""
