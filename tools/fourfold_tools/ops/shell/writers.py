"""The usual programs that write files: which of their words they write and which they read."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import Options, may_be_option, options, part, sort_words
from fourfold_tools.ops.shell.place import Place, Uncertain, below, reading, writing
from fourfold_tools.ops.shell.readers import Rule
from fourfold_tools.ops.shell.syntax import Word

_NO_FILE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})


def written(place: Place, words: Iterable[Word]) -> frozenset[str]:
    """The patterns of files to write; the standard streams and /dev/null are none."""
    return place.files(w for w in words if w.literal not in _NO_FILE)


def _writes(accepted: Options, words: Sequence[Word], place: Place, *, folders: bool = False) -> Effects:
    """Every operand is written; `folders`: with all below it."""
    files = written(place, sort_words(words, accepted).operands)
    return writing(map(below, files) if folders else files)


def _remove(words: Sequence[Word], place: Place) -> Effects:
    """No option of rm writes anything else; a glob that could turn into one may make it recursive."""
    found = sort_words(words, options(lenient=True))
    files = place.files(found.operands)
    deep = found.has("r", "R", "--recursive") or any(map(may_be_option, found.operands))
    return writing(map(below, files) if deep else files)


def _touch(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, options("a c m h d: t: r: --no-create --date= --reference="))
    return writing(written(place, found.operands), place.files(found.values("r", "--reference")))


_COPY = options(
    "a d f i l n p P R r s T u v x D C c H L m: o: g: t: --archive --force --recursive --no-clobber --verbose"
    " --update? --preserve? --no-target-directory --target-directory= --mode= --interactive --dereference --reflink?"
)


def _copy(words: Sequence[Word], place: Place, *, moves: bool = False, links: bool = False) -> Effects:
    """cp, install, mv, ln: the last operand or that of `-t` is the target, or the folder that holds it.

    A link writes its name alone; its first operand may be any text.
    """
    found = sort_words(words, _COPY)
    if found.has("d") and not links and not moves:
        return writing(place.trees(found.operands))  # install -d makes folders
    sources, folders = list(found.operands), found.values("t", "--target-directory")
    certain = bool(folders)
    if not folders:
        if len(sources) < 2 and not links:
            raise Uncertain("operands of a copy")
        target = sources.pop() if len(sources) > 1 else Word(".", ".")
        certain = len(sources) > 1 or (target.text or "").rpartition("/")[2] in ("", ".", "..")
        folders = (target,)
    deep = moves or found.has("a", "r", "R", "--archive", "--recursive")
    shape: Callable[[str], str] = below if deep or links else str
    inside = [os.path.join(place.file(f), _last(s)) for f in folders for s in sources]
    targets = inside if certain else [*inside, *map(place.file, folders)]
    if links:
        return writing(map(shape, targets))
    read = place.trees(sources) if deep else place.files(sources)
    return writing([*map(shape, targets), *(read if moves else ())], () if moves else read)


def _last(source: Word) -> str:
    """The name under which a source arrives in a folder."""
    if source.text is None:
        raise Uncertain("variable in a path")
    name = source.text.rstrip("/").rpartition("/")[2]
    return "**" if name in ("", ".", "..") or source.home or source.text.endswith("/") else name


def _chmod(words: Sequence[Word], place: Place) -> Effects:
    """Options, a mode or an owner, then files."""
    rest, deep = list(words), False
    while rest and re.fullmatch(r"-[Rvfch]+|--(recursive|verbose|quiet|silent|changes)", rest[0].literal or ""):
        option = rest.pop(0).raw
        deep |= "R" in option or option == "--recursive"
    if not rest or rest[0].many or re.match(r"--|$", rest[0].prefix):
        raise Uncertain("mode")
    if any(re.match(r"-|$", w.prefix) or (w.many and not w.glob) for w in rest[1:]):
        raise Uncertain("option of chmod")
    return writing(place.trees(rest[1:]) if deep else place.files(rest[1:]))


def _dd(words: Sequence[Word], place: Place) -> Effects:
    reads: list[Word] = []
    writes: list[Word] = []
    for word in words:
        name, equals, _ = word.prefix.partition("=")
        if not equals or word.many:
            raise Uncertain(f"word {word.raw} of dd")
        {"if": reads, "of": writes}.get(name, []).append(part(word, 3))
    return writing(written(place, writes), place.files(reads))


_COMPRESS = options(
    "c d f k l n q r t v z T: --stdout --keep --decompress --force --list --test --quiet --best", digits=True
)


def _compress(words: Sequence[Word], place: Place) -> Effects:
    """gzip and its like: the file gives way to one with another suffix, unless the output goes elsewhere."""
    found = sort_words(words, _COMPRESS)
    shape = place.trees if found.has("r") else place.files
    files = shape(found.operands)
    if not files or found.has("c", "l", "t", "--stdout", "--list", "--test"):
        return writing((), files)
    return writing([*files, *(f + ".*" for f in files), *(os.path.splitext(f)[0] + "*" for f in files)], files)


_TAR = options(
    "c x t z j J v k p a f: C: --create --extract --list --gzip --bzip2 --xz --zstd --verbose --file= --directory="
    " --exclude= --strip-components= --exclude-vcs --no-same-owner --auto-compress"
)
_TAR_MODES = {"c": "c", "--create": "c", "x": "x", "--extract": "x", "t": "t", "--list": "t"}


def _tar(words: Sequence[Word], place: Place) -> Effects:
    """c writes the archive and reads the operands, x writes below the folder, t reads."""
    found = sort_words(_with_dashes(words), _TAR)
    archives, folders = found.values("f", "--file"), found.values("C", "--directory")
    if len(archives) != 1 or len(folders) > 1 or ":" in (archives[0].text or ":"):
        raise Uncertain("archive of tar")
    inside = Place(place.file(folders[0])) if folders else place
    archive = place.files(archives)
    match {_TAR_MODES[name] for name, _ in found.given if name in _TAR_MODES}:
        case modes if modes == {"t"}:
            return reading(archive)
        case modes if modes == {"x"}:
            return writing([inside.tree], archive)
        case modes if modes == {"c"}:
            return writing(archive, place.trees(found.operands) | inside.trees(found.operands))
        case _:
            raise Uncertain("mode of tar")


def _with_dashes(words: Sequence[Word]) -> Sequence[Word]:
    """The old form, letters without a dash and the archive after them, in the form of today."""
    letters = words[0].literal if words else None
    if not letters or not re.fullmatch(r"[cxtzjJvkpa]*f?[cxtzjJvkpa]*", letters):
        return words
    flags = [*letters.replace("f", ""), *("f" if "f" in letters else "")]
    return [*(Word(f"-{c}", f"-{c}", f"-{c}") for c in flags), *words[1:]]


def _unzip(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, options("l t p v Z o n q j u d: x:"))
    archive = place.files(found.operands[:1])
    if found.has("l", "t", "p", "v", "Z"):
        return writing((), archive)
    folders = found.values("d")
    return writing(place.trees(folders) if folders else [place.tree], archive)


def _zip(words: Sequence[Word], place: Place) -> Effects:
    found = sort_words(words, options("r q j y u", digits=True))
    names = place.files(found.operands[:1])
    return writing([*names, *(n + ".zip" for n in names)], place.trees(found.operands[1:]))


def _patch(words: Sequence[Word], place: Place) -> Effects:
    """What it changes stands in the patch."""
    found = sort_words(
        words, options("N R s f b E p: i: d: --strip= --input= --directory= --forward --reverse --dry-run")
    )
    folders = found.values("d", "--directory")
    inputs = place.files([*found.values("i", "--input"), *found.operands])
    return writing(place.trees(folders) if folders else [place.tree], inputs)


_RSYNC = options(
    "a v z r l p t u n q h P x H c --archive --verbose --recursive --delete --dry-run --progress --stats --checksum"
    " --update --compress --exclude= --include= --quiet --human-readable --partial --ignore-existing"
)


def _rsync(words: Sequence[Word], place: Place) -> Effects:
    """Between folders of this machine."""
    found = sort_words(words, _RSYNC)
    if any(":" in (w.text or ":") for w in found.operands) or len(found.operands) < 2:
        raise Uncertain("rsync to another machine")
    return writing(place.trees(found.operands[-1:]), place.trees(found.operands[:-1]))


WRITERS: dict[str, Rule] = {
    "rm": _remove,
    "unlink": partial(_writes, options()),
    "mkdir": partial(_writes, options("p v m: --parents --verbose --mode="), folders=True),
    "rmdir": partial(_writes, options("p v --parents --ignore-fail-on-non-empty"), folders=True),
    "touch": _touch,
    "tee": partial(_writes, options("a i p --append")),
    "truncate": partial(_writes, options("c s: --size= --no-create")),
    "cp": _copy,
    "install": _copy,
    "mv": partial(_copy, moves=True),
    "ln": partial(_copy, links=True),
    **dict.fromkeys(("chmod", "chown", "chgrp"), _chmod),
    "dd": _dd,
    **dict.fromkeys(("gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd"), _compress),
    "tar": _tar,
    "unzip": _unzip,
    "zip": _zip,
    "patch": _patch,
    "rsync": _rsync,
}
