"""Settings of fourfold: defaults, files, environment, and the rule that a project may only tighten them."""
