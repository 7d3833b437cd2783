"""What outlives a call and a process: runs, steps, attempts and timings in one SQLite file, shared by all servers."""
