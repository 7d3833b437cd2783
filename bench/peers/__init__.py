"""Other MCP servers that can do the mix, or part of it, and how they compare."""
