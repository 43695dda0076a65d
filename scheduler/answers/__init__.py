"""What experts and the gating network say of samples, with and without a label, and what that takes."""
