"""What growth came to: auctions, what became scarce, what was born or reused, and what hindsight would have given."""
