"""Claude Code's own permission rules, held for steps: which files carry them, what they match, what they decide."""
