"""Two levels of experts: where their parts stand, how they are born, how a task finds its way through them."""
