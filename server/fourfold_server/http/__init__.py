"""Streamable HTTP: one server for several clients, behind a gate that lets in only who holds the token."""
