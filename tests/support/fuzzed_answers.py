"""What every answer to a fuzzed call must be: bounded, in the contract's forms, with nothing of the program in it."""

import re

_NAME = r'(?:[\w$-]{1,64}|\["(?:[^"\\]|\\.)*"\])'
_PATH = rf"{_NAME}(?:\.[\w$-]{{1,64}}|\[\d+\]|\[\"(?:[^\"\\]|\\.)*\"\])*"
_SAYS = "|".join(
    (
        r"required, but missing",
        r"a path cannot hold a NUL character",
        r"r-\w+ has not ended; there is nothing to verify",
        r"expected timings, results or both",
        r"unknown argument",
        r"needs `op`",
        r"must not be empty(?:, got .+)?",
        r"unknown op .+; expected [\w, ]+",
        r"expected .+, got .+",
        r"unknown id '.+'(?:; did you mean '.+'\?)?",
        r"duplicate id '.+', first used by .+",
        r"'.+' waits for itself",
        r"'.+' has no field '.*'; it offers .+",
        r"unknown task '.*' of this plan",
        r"'.+' stands in .+ too",
        r"only one `each` .+",
        r"give either steps, or resume with the id of a run",
        r"cannot stand beside .+",
    )
)
# Refusals that are about the call as a whole, and ends of the list where there are very many faults.
_WHOLE = "|".join(
    (
        r"no (?:run|plan|handoff) .+",
        r"expected exactly one of .+",
        r"resume: .+",
        r"cycle .+ -> .+ \(.+\)",
        r"… and [\d,]+ more faults",
        r"run r-\w+ .+",
        r"id: required for load; .+",
    )
)
_LINE = re.compile(rf"(?:{_PATH}: (?:{_SAYS})|{_WHOLE})")
_MOST_CHARS = 600  # of one line of a refusal
_NEVER = ("Traceback (most recent", 'File "/', "pydantic", "internal error", "site-packages", "object at 0x")


def problems(text: str, *, refused: bool) -> list[str]:
    """What is wrong with an answer; nothing where it is as it should be."""
    found = [f"holds {word!r}: {text[:300]!r}" for word in _NEVER if word in text]
    if not refused:
        return found
    lines = text.split("\n")
    found += [f"not a fault line: {line[:300]!r}" for line in lines if not _LINE.fullmatch(line)]
    found += [f"a line of {len(line)} characters: {line[:100]!r}" for line in lines if len(line) > _MOST_CHARS]
    if len(lines) > 41:
        found.append(f"{len(lines)} lines")
    return found
