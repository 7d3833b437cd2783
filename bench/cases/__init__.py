"""The rows of the benchmark, by what they measure."""
