"""A command pattern: what a `Bash(...)` rule says a command looks like."""

from dataclasses import dataclass

from fourfold_tools.ops.permissions.spellings import UNKNOWN, Spellings


@dataclass(frozen=True, slots=True)
class CommandPattern:
    """parts: the literal texts between the stars, one part when there is no star.

    bare: the text before a final ` *` alone matches too, when that star is the only one (`ls *` matches `ls`).
    past_options: the pattern is `program subcommand ... *`; options between the two words are looked past.
    """

    parts: tuple[str, ...]
    bare: str | None
    past_options: bool

    def matches(self, spelling: str) -> bool:
        """Whether the spelling certainly matches, whatever stands for its unknown places."""
        if spelling == self.bare:
            return True
        if len(self.parts) == 1:
            return spelling == self.parts[0]
        first, *middle, last = self.parts
        at, end = len(first), len(spelling) - len(last)
        if at > end or not spelling.startswith(first) or not spelling.endswith(last):
            return False
        for part in middle:
            at = spelling.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    def may_match(self, spelling: str) -> bool:
        """Whether unknown places could make the spelling match; judged by its two ends, so it errs towards yes."""
        if UNKNOWN not in spelling:
            return False
        start, end = spelling[: spelling.index(UNKNOWN)], spelling[spelling.rindex(UNKNOWN) + 1 :]
        first, last = self.parts[0], self.parts[-1]
        starts = first.startswith(start) or start.startswith(first)
        return starts and (last.endswith(end) or end.endswith(last))

    def judge(self, spellings: Spellings) -> bool | None:
        """Whether a command is meant: True, False, None where only running it would tell."""
        past = spellings.past_options if self.past_options else ()
        if any(self.matches(text) for text in (*spellings.every, *past)):
            return True
        return None if any(self.may_match(text) for text in spellings.every) else False


def command_patterns(specifier: str) -> tuple[CommandPattern, ...]:
    """The patterns of a rule's specifier: as written, and without its quotes where it has some.

    A final `:*` is the same as a final ` *`; a `*` matches any text, spaces included; `\\*` is a star.
    """
    text = " ".join(specifier.split())
    plain = text.replace('"', "").replace("'", "")
    return tuple(dict.fromkeys(_pattern(form) for form in (text, plain)))


def _pattern(text: str) -> CommandPattern:
    if text.endswith(":*"):
        text = text[:-2] + " *"
    parts = tuple(part.replace("\0", "*") for part in text.replace("\\*", "\0").split("*"))
    open_end = len(parts) == 2 and parts[1] == "" and (parts[0].endswith(" ") or not parts[0])
    words = parts[0].split()
    return CommandPattern(
        parts if parts[0] != " " else ("", ""),
        parts[0].rstrip() if open_end else None,
        open_end and len(words) > 1 and not words[1].startswith("-"),
    )
