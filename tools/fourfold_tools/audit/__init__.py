"""The audit: what Claude Code's transcripts say a batch would have saved."""
