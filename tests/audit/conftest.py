"""What the tests of the audit share: a transcript to write, and its audit with a small table of commands."""

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded import Recorded

from fourfold_tools.audit.audited import audit_file, transcripts
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.model.effects import Effects

Auditor = Callable[[Path], AuditReport]


def classify(command: str, cwd: str) -> Effects:
    """`cat F` reads F, `make F` writes it, `ls` reads the folder; everything else is unknown."""
    program, _, rest = command.partition(" ")
    path = frozenset({f"{cwd}/{rest}"})
    match program:
        case "cat" | "wc":
            return Effects(path, read_only=True)
        case "make":
            return Effects(frozenset(), path)
        case "ls":
            return Effects(frozenset({f"{cwd}/*"}), read_only=True)
        case _:
            return Effects(known=False, note=program)


@pytest.fixture
def session(tmp_path: Path) -> Recorded:
    """A conversation in /w that begins with a message of the user."""
    return Recorded(tmp_path / "project" / "first.jsonl").say()


@pytest.fixture
def audit() -> Auditor:
    def run(path: Path) -> AuditReport:
        files = [Entries(file) for file in transcripts(path)]
        found = tuple(audited for file in files for audited in audit_file(file, classify))
        return AuditReport(found, len(files), sum(file.broken for file in files))

    return run
