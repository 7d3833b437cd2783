"""Paths of tasks: what a caller wrote as absolute patterns in which links of the disk are followed."""

import os
from itertools import takewhile

from fourfold_tools.deployment.tasks import is_pattern
from fourfold_tools.ops.workspace import Workspace, settled


def resolved(workspace: Workspace, path: str) -> str:
    """The absolute pattern of a path; links in the part before its first wildcard are followed where they exist.

    Raises:
        NotFound: it holds a NUL character.
    """
    absolute = workspace.absolute(path).replace(os.sep, "/")
    parts = absolute.split("/")
    wild = next((i for i, part in enumerate(parts) if is_pattern(part)), len(parts))
    head = settled("/".join(parts[:wild]) or "/").replace(os.sep, "/")
    return "/".join([head.rstrip("/"), *parts[wild:]]) or "/"


def literal(pattern: str) -> str:
    """The folder before the first wildcard of an absolute pattern, all of it where there is none."""
    parts = takewhile(lambda part: not is_pattern(part), pattern.split("/"))
    return ("/".join(parts) or "/").replace("/", os.sep)
