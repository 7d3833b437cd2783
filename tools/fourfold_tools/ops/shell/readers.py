"""The programs that only read: what each accepts without ever writing, and which of its words are paths.

A program whose every option is harmless is `lenient`; one that has an option that writes, runs a program, changes the
system or never ends lists what it may be given, and everything else is uncertain.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell import forms, search
from fourfold_tools.ops.shell.arguments import Options, names, options, sort_words
from fourfold_tools.ops.shell.place import EVERYTHING, Place, Uncertain, below, reading
from fourfold_tools.ops.shell.syntax import Word

Rule = Callable[[Sequence[Word], Place], Effects]

_ANY = options(lenient=True)
# Options that name a list of more files to read.
_LISTS = ("c", "--check", "--files0-from")


def _data(words: Sequence[Word], place: Place) -> Effects:
    """Words that are only data: nothing is opened."""
    return reading()


def _only(pattern: str, words: Sequence[Word], place: Place) -> Effects:
    """Words of which each matches a pattern."""
    for word in words:
        if word.literal is None or not re.fullmatch(pattern, word.literal):
            raise Uncertain(f"word {word.raw}")
    return reading()


def _version(words: Sequence[Word], place: Place) -> Effects:
    """A program that would run a script, asked for its version."""
    if [w.literal for w in words] != ["--version"]:
        raise Uncertain("script")
    return reading()


def _files(accepted: Options, words: Sequence[Word], place: Place, *, lists: Sequence[str] = ()) -> Effects:
    """Operands are files; `lists` are options that name or turn them into lists of further files."""
    found = sort_words(words, accepted)
    more = [EVERYTHING] if found.has(*lists) else []
    return reading(place.files(found.operands), more)


def _listing(words: Sequence[Word], place: Place) -> Effects:
    """ls: the names in a folder, with R of all folders below."""
    found = sort_words(words, options("I: T: w: --ignore= --hide= --width= --tabsize=", lenient=True))
    starts = place.files(found.operands) if found.operands else {place.path}
    deep = found.has("R") or any(name.startswith("--r") for name, _ in found.given)
    return reading(starts, (below(p) if deep else p.rstrip("/") + "/*" for p in starts))


def _trees(accepted: Options, words: Sequence[Word], place: Place) -> Effects:
    """Operands are folders read with all below them; the current one without operands."""
    found = sort_words(words, accepted)
    return reading(place.trees(found.operands) if found.operands else [place.tree])


_DIFF = options(
    "a b B c d E i N n p q r s t T u w y Z C: U: W: x: I: F: L: --brief --unified? --context? --color? --recursive"
    " --ignore-case --ignore-all-space --ignore-space-change --ignore-blank-lines --ignore-trailing-space"
    " --ignore-tab-expansion --side-by-side --suppress-common-lines --width= --label= --exclude= --new-file --text"
    " --minimal --report-identical-files --strip-trailing-cr --no-dereference --show-c-function --expand-tabs"
    " --left-column --ignore-matching-lines= --ed --normal --rcs"
)
_SORT = options(
    "b d f g h i M n R r V c C m s u z k: t: S: --numeric-sort --reverse --unique --stable --check? --key="
    " --field-separator= --ignore-case --human-numeric-sort --version-sort --general-numeric-sort --month-sort"
    " --random-sort --dictionary-order --ignore-leading-blanks --zero-terminated --merge --parallel= --sort="
    " --buffer-size= --debug"
)
_TAIL = options("q v z c: n: --lines= --bytes= --quiet --silent --verbose --zero-terminated", digits=True)
_FILE = options(
    "b i k L h N n r v 0 E I F: e: P: --brief --mime --mime-type --mime-encoding --dereference --no-dereference"
    " --keep-going --separator= --exclude= --extension"
)
_TREE = options(
    "a d f l x q N Q p u g s h D F v t c U r i A S n C X J L: I: P: --noreport --dirsfirst --prune --gitignore --du"
    " --si --inodes --matchdirs --ignore-case --sort= --filelimit= --charset= --filesfirst",
    apart=True,
)
_CHECKSUMS = names("md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum shasum md5 sum")
_PLAIN_FILES = {
    **dict.fromkeys(names("cat tac rev readlink tsort hexdump hd"), _ANY),
    **dict.fromkeys(("expand", "unexpand"), options("t:", lenient=True)),
    "nl": options("b: d: f: h: i: l: n: s: v: w:", lenient=True),
    "paste": options("d: --delimiters=", lenient=True),
    "join": options("1: 2: a: e: j: o: t: v:", lenient=True),
    "comm": options("--output-delimiter=", lenient=True),
    "cmp": options("i: n:", lenient=True),
    "fold": options("w: --width=", lenient=True),
    "fmt": options("w: g: p: --width=", lenient=True),
    "column": options("c: s: o: N: --separator= --output-separator= --table-columns=", lenient=True),
    "strings": options("n: t: e: --bytes= --radix= --encoding=", lenient=True),
    "od": options("A: j: N: t: --address-radix= --format= --read-bytes= --skip-bytes=", lenient=True),
    "head": options("c: n: --lines= --bytes=", lenient=True),
    "cut": options("b: c: d: f: --delimiter= --fields= --bytes= --characters= --output-delimiter=", lenient=True),
    "stat": options("c: --format= --printf=", lenient=True),
    "df": options("B: t: x: --type= --exclude-type= --block-size=", lenient=True),
    "realpath": options("--relative-to= --relative-base=", lenient=True),
}
_PLAIN_DATA = names(
    "echo pwd true false : basename dirname tr seq sleep expr printenv nproc uname id whoami groups tty uptime ps"
    " type which lscpu exit return break continue getconf logname"
)

READERS: dict[str, Rule] = {
    **dict.fromkeys(_PLAIN_DATA, _data),
    **{name: partial(_files, accepted) for name, accepted in _PLAIN_FILES.items()},
    **dict.fromkeys(_CHECKSUMS, partial(_files, options("a: l: A:", lenient=True), lists=_LISTS)),
    "wc": partial(_files, _ANY, lists=_LISTS[2:]),
    "tail": partial(_files, _TAIL),
    "file": partial(_files, _FILE),
    "base64": partial(_files, options("d D w: --decode --wrap=")),
    "sort": partial(_files, _SORT),
    "shuf": partial(_files, options("e r z n: i: --head-count= --input-range= --echo --repeat")),
    "du": partial(_trees, options("d: B: t: --max-depth= --exclude= --block-size= --threshold=", lenient=True)),
    "tree": partial(_trees, _TREE),
    "diff": partial(_trees, _DIFF),
    "ls": _listing,
    **dict.fromkeys(("grep", "egrep", "fgrep"), search.grep),
    "rg": search.rg,
    **dict.fromkeys(("fd", "fdfind"), search.fd),
    "jq": search.jq,
    "find": search.find,
    "uniq": forms.uniq,
    "xxd": forms.xxd,
    "date": forms.date,
    "printf": forms.printf,
    "test": forms.test,
    "[": forms.bracket,
    **dict.fromkeys(("env", "arch"), partial(_only, r"(?!)")),  # with words they run a program
    "hostname": partial(_only, r"-[fsiIdA]|--(fqdn|short|ip-address|all-ip-addresses)"),
    "free": partial(_only, r"-[bkmghtwlv]+|--(human|bytes|kibi|mebi|gibi|total|wide)"),
    "set": partial(_only, r"[-+][eu]*o?|pipefail|errexit|nounset"),
    "command": partial(_only, r"-[vV]|[A-Za-z0-9_./+-]+"),
    **dict.fromkeys(names("python python3 node ruby perl php gcc g++ clang cc bash"), _version),
}

# Programs that stay harmless whatever words come in addition: the ones that xargs may run.
HARMLESS = names("echo basename dirname wc ls du grep egrep fgrep") | frozenset(_PLAIN_FILES) | _CHECKSUMS
