"""Steering: a stored plan taken one step further, by whichever process has its id."""
