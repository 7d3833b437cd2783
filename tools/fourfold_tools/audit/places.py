"""Places: the paths of a transcript's calls, which may come from another machine; nothing is looked up on disk."""

import posixpath


def absolute(path: str, cwd: str) -> str:
    """The path from the folder the client was in; `~` stays, for nobody knows whose it was."""
    return posixpath.normpath(posixpath.join(cwd or "/", path.replace("\\", "/")))


def below(path: str, cwd: str) -> str:
    """How a result would name it: from the client's folder where it lies in it, else whole."""
    full = absolute(path, cwd)
    prefix = cwd.rstrip("/") + "/"
    return full[len(prefix) :] if cwd and full.startswith(prefix) else full
