"""Programs given as text: sed scripts and awk programs, known only where nothing in them can write or run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import may_be_option
from fourfold_tools.ops.shell.place import Place, Uncertain, reading, writing
from fourfold_tools.ops.shell.syntax import Word

# A regex between delimiters, the same for a sed that looks into brackets and for one that does not.
_CLASS = r"\[\^?\]?(?:\[:[a-z]+:\]|(?!{d})[^\]\[\\\n])*\]"
_REGEX = rf"(?:\\[^\n]|{_CLASS}|(?!{{d}})[^\\\n\[])*"
_TEXT = r"(?:\\[^\n]|(?!{d})[^\\\n])*"
_ADDRESS = rf"(?:[0-9]+(?:~[0-9]+)?|\$|/{_REGEX.format(d='/')}/I?)"
_COMMAND = (
    r"[=dDgGhHnNpPxFz]|[qQl] ?[0-9]*|[btT] ?[A-Za-z0-9_]*|:[A-Za-z0-9_]+|[aic] ?[^\\\s}][^\\\n]*"
    rf"|s(?P<d>[/|,:@!%+_#~]){_REGEX.format(d='(?P=d)')}(?P=d){_TEXT.format(d='(?P=d)')}(?P=d)[gpiI0-9]*"
    rf"|y/{_TEXT.format(d='/')}/{_TEXT.format(d='/')}/"
)
_SED = re.compile(rf"[\s;]*(?:{_ADDRESS}(?:,(?:{_ADDRESS}|[+~][0-9]+))?)? *!? *(?:\{{|(?:{_COMMAND})? *(?=[;\n}}]|$)}}?)")
_SED_FLAGS = re.compile(r"-[nErsuz]*|--(quiet|silent|regexp-extended|separate|unbuffered|null-data|posix)")
_SED_VALUE = re.compile(r"-[nErsuz]*(?P<kind>[ei])(?P<rest>.*)|--(?P<long>expression|in-place)(=(?P<value>.*))?", re.DOTALL)


@dataclass(slots=True)
class _SedCall:
    scripts: list[Word] = field(default_factory=list[Word])
    operands: list[Word] = field(default_factory=list[Word])
    suffix: str | None = None  # of `-i`, "" without one
