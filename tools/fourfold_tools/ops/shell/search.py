"""Searches: grep, rg, fd, find and jq, whose words hold a pattern or an expression beside the paths."""

import re
from collections.abc import Sequence

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import Options, names, options, sort_words
from fourfold_tools.ops.shell.place import Place, Uncertain, reading
from fourfold_tools.ops.shell.syntax import Word

_GREP = options(
    "e: f: m: A: B: C: d: D: --regexp= --file= --max-count= --after-context= --before-context= --context= --include="
    " --exclude= --exclude-dir= --exclude-from= --label= --binary-files= --directories= --devices= --color? --colour?"
    " --recursive --ignore-case --line-number --files-with-matches --count --fixed-strings --extended-regexp",
    lenient=True,
)
_GREP_LONG = _GREP.flags | _GREP.values | _GREP.maybe


def grep(words: Sequence[Word], place: Place) -> Effects:
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
    " --path-separator= --field-match-separator= --hidden --no-hidden --no-ignore --no-ignore-vcs --no-messages"
    " --files --files-with-matches --files-without-match --count --count-matches --fixed-strings --ignore-case"
    " --smart-case --case-sensitive --line-number --no-line-number --column --heading --no-heading"
    " --with-filename --no-filename --word-regexp --line-regexp --invert-match --only-matching --multiline"
    " --multiline-dotall --pcre2 --json --stats --null --null-data --quiet --trim --follow --passthru --vimgrep"
    " --type-list --crlf --text --unrestricted --version --no-config --one-file-system --line-buffered --sort-files"
)
_FD = options(
    "H I u s i g F L a p 0 1 t: e: E: d: j: S: c: --hidden --no-ignore --glob --regex --fixed-strings --ignore-case"
    " --case-sensitive --follow --absolute-path --full-path --type= --extension= --exclude= --max-depth= --min-depth="
    " --size= --color= --changed-within= --changed-before= --print0 --version"
)


def rg(words: Sequence[Word], place: Place) -> Effects:
    return _search(_RG, words, place)


def fd(words: Sequence[Word], place: Place) -> Effects:
    return _search(_FD, words, place)


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
    " --exit-status --join-output --ascii-output --monochrome-output --color-output --tab --indent= --arg=="
    " --argjson== --seq --stream --version --args --jsonargs",
    apart=True,
)


def jq(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, _JQ)
    if any(re.search(r"\b(import|include)\b", w.text or w.raw) for w in found.operands[:1]):
        raise Uncertain("jq module")
    return reading(place.files(found.operands[1:]))


_FIND_FLAGS = names(
    "-and -or -not -a -o ! ( ) , -true -false -print -print0 -ls -prune -quit -empty -depth -d -mount -xdev -follow"
    " -daystart -noleaf -nouser -nogroup -readable -writable -executable -warn -nowarn -ignore_readdir_race"
)
_FIND_VALUES = names(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -lname -ilname -type -xtype -size -mtime -mmin"
    " -atime -amin -ctime -cmin -newer -anewer -cnewer -maxdepth -mindepth -perm -user -group -uid -gid -links -inum"
    " -samefile -regextype -printf -fstype -used"
)


def find(words: Sequence[Word], place: Place) -> Effects:
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
