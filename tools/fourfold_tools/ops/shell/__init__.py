"""Shell text: read into a small typed tree, and what the usual programs in it read and write."""
