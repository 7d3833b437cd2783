"""The server: the wire, the tool catalogue, and the command line."""

__version__ = "0.1.0"
