"""What running in parallel gained, and how far that was measured: pure functions from records to a MathVer."""
