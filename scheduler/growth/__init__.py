"""Growth in a round: the call for candidates and the graft, seed experts, births of other runs, rewiring."""
