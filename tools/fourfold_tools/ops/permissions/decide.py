"""A verdict: what the user's permission rules say about a step, and the rules as they stand on disk now."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep
from fourfold_tools.ops.permissions.domains import host_of
from fourfold_tools.ops.permissions.held import Effect, HeldRule
from fourfold_tools.ops.permissions.paths import PathPattern
from fourfold_tools.ops.permissions.sources import Places, SettingsFile, Source, read_source, stamp
from fourfold_tools.ops.permissions.uses import FileUse, HostUse, Use, file_uses, uses
from fourfold_tools.ops.workspace import Workspace

_Stamps = tuple[tuple[SettingsFile, tuple[int, ...] | None], ...]
_TOOL = {"read": "Read", "grep": "Grep", "glob": "Glob", "bash": "Bash", "fetch": "WebFetch"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What decides and where it stands: rule `Bash(rm:*)`, source `~/.claude/settings.json`.

    `none` and `allow` both run; fourfold itself needs no allow. unsure: the rule may be about the step, which
    cannot be known before it runs; such a step asks, even where the rule denies.
    """

    decision: Literal["allow", "ask", "deny", "none"]
    rule: str = ""
    source: str = ""
    unsure: bool = False

    def message(self, step: AnyStep) -> str | None:
        """Why the step does not run, None when it does."""
        if self.decision == "deny":
            return f"denied by {self.rule} in {self.source}"
        if self.decision == "ask":
            doubt = "; the step could not be checked against it" if self.unsure else ""
            own = f"use the client's own {_TOOL[step.op]} tool for this step"
            return f"asks first: {self.rule} in {self.source}{doubt}; {own}"
        return None


@dataclass(frozen=True, slots=True)
class _Book:
    """The rules of all files together, in the order of their scopes; stamps say which state of the files it is."""

    stamps: _Stamps
    sources: tuple[Source, ...]
    deny: tuple[HeldRule, ...]
    ask: tuple[HeldRule, ...]
    allow: tuple[HeldRule, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """The rules of one moment."""

    book: _Book
    workspace: Workspace

    def check(self, step: AnyStep, effects: Effects) -> Verdict:
        """The verdict on a step whose arguments are literal. `effects`: what a command is known to read and write.

        A grep or glob over a folder is refused when a rule covers the whole of it; refused files below are left out
        of the results by `excluded_globs` and `hides`.
        """
        return Verdict("none") if self.empty else _decide(self.book, uses(step, effects, self.workspace))

    @property
    def empty(self) -> bool:
        """There is no rule at all."""
        return not (self.book.deny or self.book.ask or self.book.allow)


class Permissions:
    """The rules of the client's settings files, read again when a file changes; what one call sees is one state.

    Rules of all files add up, and deny beats ask beats allow wherever each stands. A refusal can only be made
    wider by more rules: no allow, no carve-out and no broken file takes one back.
    """

    def __init__(self, workspace: Workspace, places: Places) -> None:
        self._workspace = workspace
        self._places = places
        self._files: tuple[object, list[SettingsFile]] | None = None  # with the stamp of the drop-in folder
        self._book = self._read(self._stamps(), ())

    @classmethod
    def load(cls, workspace: Workspace, env: Mapping[str, str]) -> "Permissions":
        """The rules for a workspace, found by `HOME`, `CLAUDE_CONFIG_DIR` and `CLAUDE_PROJECT_DIR` of `env`."""
        return cls(workspace, Places.of(workspace.cwd, env))

    @property
    def faults(self) -> tuple[str, ...]:
        """What of the files could not be understood, one line each; everything else of them holds."""
        book = self._now()
        found = [fault for source in book.sources for fault in source.faults]
        return (*found, *(held.fault for held in (*book.deny, *book.ask) if held.fault))

    @property
    def default_mode(self) -> str | None:
        """The client's starting mode as the most binding file says it; shown, not acted on."""
        rank = {"managed": 0, "local": 1, "project": 2, "user": 3}
        said = [s for s in self._now().sources if s.mode is not None]
        return min(said, key=lambda s: rank[s.file.scope]).mode if said else None

    def summary(self) -> str:
        """How many rules hold, where they stand and the client's starting mode, in one line."""
        book = self._now()
        files = [source.file.shown for source in book.sources if source.deny or source.ask or source.allow]
        count = f"{len(book.deny)} deny, {len(book.ask)} ask, {len(book.allow)} allow"
        rules = f"{count} in {', '.join(files)}" if files else "no rules"
        return f"{rules}; mode {self.default_mode}" if self.default_mode else rules

    def additional_directories(self, *, project: bool = True) -> tuple[str, ...]:
        """The absolute folders that the files add to the workspace; relative ones start at the project.

        project: also those that files in the project name, which a command in it can write.
        """
        places = self._places
        sources = [s for s in self._now().sources if project or s.file.scope in {"managed", "user"}]
        named = [name for source in sources for name in source.directories]
        homed = [places.home + name[1:] if name == "~" or name.startswith("~/") else name for name in named]
        return tuple(dict.fromkeys(os.path.normpath(os.path.join(places.project, name)) for name in homed))

    def now(self) -> "Moment":
        """The rules as they stand on disk at this moment, for many steps at once."""
        return Moment(self._now(), self._workspace)

    def check(self, step: AnyStep, effects: Effects) -> Verdict:
        """The verdict on one step, by the rules of this moment."""
        return self.now().check(step, effects)

    def check_path(self, path: str) -> Verdict:
        """The verdict on reading one file, for what a step finds only while it runs."""
        return _decide(self._now(), file_uses(path, self._workspace))

    def check_url(self, url: str) -> Verdict:
        """The verdict on fetching one URL, for the hops of a redirect."""
        return _decide(self._now(), [HostUse(host_of(url))])

    def excluded_globs(self, root: str) -> list[str]:
        """The globs (`!...`) that keep refused files out of a ripgrep run in the workspace's folder over `root`.

        root: the absolute file or folder that is searched. They go to `--iglob`, which ripgrep looks at after every
        `--glob`. Those of ask rules are among them, because a listing has no way to ask; Read, Grep and Glob rules
        count for grep and glob alike.
        """
        cwd, patterns = self._workspace.cwd, self._unlisted(root)
        globs = {glob for p in patterns for glob in p.globs(cwd)}
        if not os.path.join(root, "").startswith(os.path.join(cwd, "")):
            # Outside the folder it runs in ripgrep holds a glob against the whole path, and only from some `/` on.
            globs |= {"/**" + glob if glob.startswith("/") else glob for p in patterns for glob in p.globs("/")}
        return sorted(f"!{glob}" for glob in globs)

    def hides(self, root: str) -> Callable[[str], bool] | None:
        """A test for absolute paths below `root`: what a listing leaves out; None where it leaves out nothing."""
        patterns = self._unlisted(root)
        return (lambda path: any(p.matches(path) for p in patterns)) if patterns else None

    def _unlisted(self, root: str) -> list[PathPattern]:
        """The patterns that mean something at or below a folder, of all rules that keep files out of listings."""
        book = self._now()
        held = [h for h in (*book.deny, *book.ask) if h.rule.names(("Read", "Grep", "Glob"))]
        return [p for h in held for p in h.paths if p.globs(root)]

    def _now(self) -> _Book:
        """The rules as the files are now."""
        stamps = self._stamps()
        if stamps != self._book.stamps:
            self._book = self._read(stamps, self._book.sources)
        return self._book

    def _stamps(self) -> _Stamps:
        drop_ins = stamp(self._places.drop_ins)
        if self._files is None or drop_ins != self._files[0]:
            self._files = drop_ins, self._places.files()
        return tuple((file, stamp(file.path)) for file in self._files[1])

    def _read(self, stamps: _Stamps, before: Iterable[Source]) -> _Book:
        """The files' rules. The stamps are older than the reading, so that a change in between is seen next time."""
        known = {source.file: source for source in before}
        sources = tuple(read_source(file, known.get(file)) for file, now in stamps if now is not None)
        return _Book(
            stamps,
            sources,
            self._compiled("deny", sources),
            self._compiled("ask", sources),
            self._compiled("allow", sources),
        )

    def _compiled(self, effect: Effect, sources: Sequence[Source]) -> tuple[HeldRule, ...]:
        """The rules of one effect; refusals of everybody count, permissions only of those who may give them."""
        if effect == "allow" and any(source.alone for source in sources):
            sources = [source for source in sources if source.file.scope == "managed"]
        return tuple(
            HeldRule.compile(rule, effect, source.file, self._places)
            for source in sources
            for rule in {"deny": source.deny, "ask": source.ask, "allow": source.allow}[effect]
        )


def _decide(book: _Book, found: Sequence[Use]) -> Verdict:
    """Deny before ask before doubt before allow; of the rules that decide the first of the first scope is named.

    A step with several uses is allowed only by one rule for all of them; nothing hangs on it.
    """
    doubt: HeldRule | None = None
    for held in (*book.deny, *book.ask):
        judged = {held.judge(use) for use in found}
        if True in judged:
            return Verdict(held.effect, held.rule.text, held.source)
        if None in judged and doubt is None:
            doubt = held
    if doubt is not None:
        return Verdict("ask", doubt.rule.text, doubt.source, unsure=True)
    main = [use for use in found if not isinstance(use, FileUse)] or found  # a command's files need no allow
    for held in book.allow:
        if main and all(held.judge(use) for use in main):
            return Verdict("allow", held.rule.text, held.source)
    return Verdict("none")
