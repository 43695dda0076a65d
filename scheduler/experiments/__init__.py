"""Many runs that differ in some fields: sweeps, comparisons and benchmarks."""
