"""The fleet: plans carried out by headless agents on one machine or many; imported only when it is asked for."""
