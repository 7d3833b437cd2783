"""The programs that only read: what each accepts without ever writing, and which of its words are paths.

A program whose every option is harmless is `lenient`; one that has an option that writes, runs a program, changes the
system or never ends lists what it may be given, and everything else is uncertain.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import Arguments, Options, options, sort_words
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


_GREP = options(
    "e: f: m: A: B: C: d: D: --regexp= --file= --max-count= --after-context= --before-context= --context= --include="
    " --exclude= --exclude-dir= --exclude-from= --label= --binary-files= --directories= --devices= --color? --colour?"
    " --recursive --ignore-case --line-number --files-with-matches --count --fixed-strings --extended-regexp",
    lenient=True,
)
_GREP_LONG = _GREP.flags | _GREP.values | _GREP.maybe


def _grep(words: Sequence[Word], place: Place) -> Effects:
    """The first operand is the pattern unless an option gives one; an option that is not listed could be either."""
    found = sort_words(words, _GREP)
    unlisted = any(name.startswith("--") and name not in _GREP_LONG for name, _ in found.given)
    given = found.has("e", "f", "--regexp", "--file")
    paths = found.operands if given or unlisted else found.operands[1:]
    lists = place.files(found.values("f", "--file", "--exclude-from"))
    if unlisted or found.has("r", "R", "d", "--recursive", "--directories"):
        return reading(place.trees(paths) if paths else [place.tree], lists)
    return reading(place.files(paths), lists)


_RG = options(
    "a c F H h I i L l N n o P p q S s U u v w x 0 A: B: C: e: f: g: j: m: r: t: T: M: d: E: --after-context="
    " --before-context= --context= --regexp= --file= --glob= --iglob= --max-count= --replace= --type= --type-not="
    " --max-columns= --max-depth= --encoding= --sort= --sortr= --threads= --color= --colors= --max-filesize="
    " --path-separator= --field-match-separator= --hidden --no-hidden --no-ignore --no-ignore-vcs --no-messages --files"
    " --files-with-matches --files-without-match --count --count-matches --fixed-strings --ignore-case --smart-case"
    " --case-sensitive --line-number --no-line-number --column --heading --no-heading --with-filename --no-filename"
    " --word-regexp --line-regexp --invert-match --only-matching --multiline --multiline-dotall --pcre2 --json --stats"
    " --null --null-data --quiet --trim --follow --passthru --vimgrep --type-list --crlf --text --unrestricted"
    " --version --no-config --one-file-system --line-buffered --sort-files"
)
_FD = options(
    "H I u s i g F L a p 0 1 t: e: E: d: j: S: c: --hidden --no-ignore --glob --regex --fixed-strings --ignore-case"
    " --case-sensitive --follow --absolute-path --full-path --type= --extension= --exclude= --max-depth= --min-depth="
    " --size= --color= --changed-within= --changed-before= --print0 --version"
)


def _search(accepted: Options, words: Sequence[Word], place: Place) -> Effects:
    """rg and fd: a pattern, then what is searched with all below it; the current folder by default."""
    found = sort_words(words, accepted)
    if found.has("--type-list", "--version"):
        return reading()
    given = accepted is _RG and found.has("e", "f", "--regexp", "--file", "--files")
    paths = found.operands if given else found.operands[1:]
    lists = place.files(found.values("f", "--file")) if accepted is _RG else ()
    return reading(place.trees(paths) if paths else [place.tree], lists)


_JQ = options(
    "r c n s a S R M C e j --raw-output --raw-input --raw-output0 --compact-output --null-input --slurp --sort-keys"
    " --exit-status --join-output --ascii-output --monochrome-output --color-output --tab --indent= --arg== --argjson=="
    " --seq --stream --version --args --jsonargs",
    apart=True,
)


def _jq(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, _JQ)
    if any(re.search(r"\b(import|include)\b", w.text or w.raw) for w in found.operands[:1]):
        raise Uncertain("jq module")
    return reading(place.files(found.operands[1:]))


_UNIQ = options(
    "c d u i D f: s: w: z --count --repeated --unique --ignore-case --skip-fields= --skip-chars= --check-chars="
)


def _uniq(words: Sequence[Word], place: Place) -> Effects:
    """The second operand is written, and so is an option behind an operand where programs do not look ahead."""
    found = sort_words(words, _UNIQ)
    if len(found.operands) > 1 or found.mixed or any(w.many for w in found.operands):
        raise Uncertain("second operand of uniq")
    return reading(place.files(found.operands))


def _xxd(words: Sequence[Word], place: Place) -> Effects:
    """Its options stand alone, each in a word of its own; the second operand is written."""
    rest = list(words)
    while rest and (text := rest[0].literal or "").startswith("-") and text != "-":
        if not re.fullmatch(r"-(a|b|e|i|u|p|ps|plain|E|[cglso][0-9a-fx]+|[cglson])", text):
            raise Uncertain(f"option {text} of xxd")
        values = 1 if re.fullmatch(r"-[cglson]", text) else 0
        if any(w.literal is None for w in rest[1 : 1 + values]):
            raise Uncertain(f"value of {text}")
        rest = rest[1 + values :]
    if len(rest) > 1 or any(w.literal is None or w.literal.startswith("-") for w in rest):
        raise Uncertain("second operand of xxd")
    return reading(place.files(rest))


def _date(words: Sequence[Word], place: Place) -> Effects:
    """Only what shows a time: an operand without `+` sets the clock."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.many or not re.match(
            r"\+|-(u|R|I(date|hours|minutes|seconds|ns)?)$|--(utc|universal|rfc-email|iso-8601)$"
            r"|--(date|reference|rfc-3339|iso-8601)=|-[dr]$",
            word.prefix,
        ):
            raise Uncertain(f"word {word.raw} of date")
        if word.prefix in ("-d", "-r"):
            if not rest or rest[0].many:
                raise Uncertain(f"value of {word.raw}")
            rest.pop(0)
    return reading()


_PRINTF_STORES = re.compile(r"%[^%A-Za-z]*[hlLjztq]*n")


def _printf(words: Sequence[Word], place: Place) -> Effects:
    """`-v` and `%n` set a variable, whose name may be an array element that runs code."""
    rest = words[1:] if words and words[0].literal == "--" else words
    form = rest[0].literal if rest else ""
    if form is None or form.startswith("-") or _PRINTF_STORES.search(form.replace("%%", "")):
        raise Uncertain("format of printf")
    return reading()


_UNARY = frozenset(f"-{c}" for c in "abcdefghknoprstuwxzGLNOS")
_BINARY = frozenset({"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})
_FILE_TESTS = _UNARY - {"-n", "-z", "-o", "-t"}


def _test(words: Sequence[Word], place: Place) -> Effects:
    """One test of at most three words after `!`, the operator literal: no value can turn into `-v 'a[$(x)]'`."""
    rest = list(words)
    if any(w.many for w in rest):
        raise Uncertain("unquoted variable in a test")
    if len(rest) > 1 and rest[0].literal == "!":
        rest.pop(0)
    if len(rest) == 2 and rest[0].literal in _UNARY:
        return reading(place.files(rest[1:]) if rest[0].literal in _FILE_TESTS else ())
    if len(rest) == 3 and rest[1].literal in _BINARY:
        files = [rest[0], rest[2]] if rest[1].literal in ("-nt", "-ot", "-ef") else []
        return reading(place.files(files))
    if len(rest) > 1:
        raise Uncertain("form of a test")
    return reading()


def _bracket(words: Sequence[Word], place: Place) -> Effects:
    if not words or words[-1].literal != "]":
        raise Uncertain("form of a test")
    return _test(words[:-1], place)


_FIND_FLAGS = frozenset(
    "-and -or -not -a -o ! ( ) , -true -false -print -print0 -ls -prune -quit -empty -depth -d -mount -xdev -follow"
    " -daystart -noleaf -nouser -nogroup -readable -writable -executable -warn -nowarn -ignore_readdir_race".split()
)
_FIND_VALUES = frozenset(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -lname -ilname -type -xtype -size -mtime -mmin"
    " -atime -amin -ctime -cmin -newer -anewer -cnewer -maxdepth -mindepth -perm -user -group -uid -gid -links -inum"
    " -samefile -regextype -printf -fstype -used".split()
)


def _find(words: Sequence[Word], place: Place) -> Effects:
    """Start folders, then an expression of tests and prints alone."""
    rest = list(words)
    while rest and re.fullmatch(r"-[HLP]+|-O[0-3]", rest[0].literal or ""):
        rest.pop(0)
    starts: list[Word] = []
    while rest and not re.match(r"[-(),!]", rest[0].prefix):
        word = rest.pop(0)
        if word.text is None or (word.glob and not word.prefix):
            raise Uncertain("start of find")
        starts.append(word)
    while rest:
        word = rest.pop(0)
        if word.literal in _FIND_VALUES or re.fullmatch(r"-newer[aBcm][aBcmt]", word.literal or ""):
            if not rest or rest.pop(0).many:
                raise Uncertain(f"value of {word.raw}")
        elif word.literal not in _FIND_FLAGS:
            raise Uncertain(f"find {word.raw}")
    return reading(place.trees(starts) if starts else [place.tree])


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
_CHECKSUMS = "md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum shasum md5 sum"
_PLAIN_FILES = "cat nl tac rev paste join comm cmp fold fmt column strings od hexdump hd expand unexpand readlink tsort"
_PLAIN_DATA = (
    "echo pwd true false : basename dirname tr seq sleep expr printenv nproc uname id whoami groups arch tty uptime ps"
    " type which pgrep pidof lscpu exit return break continue getconf logname"
)

READERS: dict[str, Rule] = {
    **dict.fromkeys(_PLAIN_DATA.split(), _data),
    **dict.fromkeys(_PLAIN_FILES.split(), partial(_files, _ANY)),
    **dict.fromkeys(_CHECKSUMS.split(), partial(_files, options("a: l: A:", lenient=True), lists=_LISTS)),
    "head": partial(_files, options("c: n: --lines= --bytes=", lenient=True)),
    "tail": partial(_files, _TAIL),
    "wc": partial(_files, _ANY, lists=_LISTS[2:]),
    "cut": partial(_files, options("b: c: d: f: --delimiter= --fields= --bytes= --characters=", lenient=True)),
    "stat": partial(_files, options("c: --format= --printf=", lenient=True)),
    "df": partial(_files, options("B: t: x: --type= --exclude-type= --block-size=", lenient=True)),
    "realpath": partial(_files, options("--relative-to= --relative-base=", lenient=True)),
    "file": partial(_files, _FILE),
    "base64": partial(_files, options("d D w: --decode --wrap=")),
    "sort": partial(_files, _SORT),
    "shuf": partial(_files, options("e r z n: i: --head-count= --input-range= --echo --repeat")),
    "du": partial(_trees, options("d: B: t: --max-depth= --exclude= --block-size= --threshold=", lenient=True)),
    "tree": partial(_trees, _TREE),
    "diff": partial(_trees, _DIFF),
    "ls": _listing,
    **dict.fromkeys(("grep", "egrep", "fgrep"), _grep),
    "rg": partial(_search, _RG),
    **dict.fromkeys(("fd", "fdfind"), partial(_search, _FD)),
    "jq": _jq,
    "uniq": _uniq,
    "xxd": _xxd,
    "date": _date,
    "find": _find,
    "printf": _printf,
    "test": _test,
    "[": _bracket,
    "env": partial(_only, r"(?!)"),
    "hostname": partial(_only, r"-[fsiIdA]|--(fqdn|short|ip-address|all-ip-addresses)"),
    "free": partial(_only, r"-[bkmghtwlv]+|--(human|bytes|kibi|mebi|gibi|total|wide)"),
    "set": partial(_only, r"[-+][eu]*o?|pipefail|errexit|nounset"),
    "command": partial(_only, r"-[vV]|[A-Za-z0-9_./+-]+"),
    **dict.fromkeys(
        ("python", "python3", "node", "ruby", "perl", "php", "gcc", "g++", "clang", "cc", "bash"),
        partial(_only, r"--version"),
    ),
}

# Programs that stay harmless whatever words come in addition: the ones xargs may run.
HARMLESS = frozenset({*_PLAIN_FILES.split(), *_CHECKSUMS.split()}) | {
    "echo", "basename", "dirname", "wc", "head", "cut", "stat", "ls", "du", "realpath", "grep", "egrep", "fgrep"
}  # fmt: skip
