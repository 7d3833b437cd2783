"""The live record: what each server says of the runs it has in flight, for other processes to look at."""
