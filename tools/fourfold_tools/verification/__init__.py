"""How a run is verified: its record, the steps run again alone, whether their inputs stayed, what it all says."""
