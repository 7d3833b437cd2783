"""What comes back: a run as text or as JSON, fitted into its budget, with what was cut kept in files."""
