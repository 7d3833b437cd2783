"""Paths of tasks: what a caller wrote as absolute patterns in which links of the disk are followed."""

import os

from fourfold_tools.deployment.tasks import is_pattern
from fourfold_tools.ops.workspace import Workspace, settled


def resolved(workspace: Workspace, path: str) -> str:
    """The absolute pattern of a path; links in the part before its first wildcard are followed where they exist."""
    absolute = workspace.absolute(path).replace(os.sep, "/")
    parts = absolute.split("/")
    wild = next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))
    head = settled("/".join(parts[:wild]) or "/").replace(os.sep, "/")
    return "/".join([head.rstrip("/"), *parts[wild:]]) or "/"
