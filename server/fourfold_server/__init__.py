"""The server: the wire, the tool catalogue, and the command line."""
