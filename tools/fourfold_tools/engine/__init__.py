"""The engine: pure rules (state, retry, budget), shared limits and locks, and the one loop that runs steps."""
