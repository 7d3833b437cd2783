"""What a shell command reads and writes, inferred from its text alone."""

from fourfold_tools.model.effects import Effects


def classify(command: str, cwd: str) -> Effects:
    """The effects of a shell text run by bash in `cwd` (absolute); never a false `read_only`."""
    raise NotImplementedError
