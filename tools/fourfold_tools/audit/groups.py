"""Groups: maximal runs of turns whose calls could have run together, found while a conversation goes by. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fourfold_tools.audit.chains import Chain, chain
from fourfold_tools.audit.conversation import Break, Call, Event, Result, Turn
from fourfold_tools.audit.dependencies import Dependency, Earlier, dependency
from fourfold_tools.audit.mentions import Mentions
from fourfold_tools.audit.roles import Classify, Role, role_of
from fourfold_tools.audit.savings import Pace


@dataclass(frozen=True, slots=True)
class Group:
    """Calls of at least two turns that one batch could have held; every turn but the first would have been saved.

    paces: one for each of these turns. ended_by: why the next turn was not part of it.
    """

    calls: tuple[Call, ...]
    paces: tuple[Pace, ...]
    ended_by: str

    @property
    def turns_saved(self) -> int:
        return len(self.paces) - 1


@dataclass(slots=True)
class _Open:
    """A group under way. Mutable: it grows turn by turn.

    earlier holds the calls of its turns and of the bystanders that ran in between: what joins moves ahead of both.
    """

    calls: list[Call] = field(default_factory=list[Call])
    paces: list[Pace] = field(default_factory=list[Pace])
    earlier: list[Earlier] = field(default_factory=list[Earlier])
    found: Mentions = field(default_factory=Mentions)


class Grouper:
    """Takes the events of one conversation in order. Mutable: what has been named so far, and the open group.

    A turn joins the open group when (1) each of its calls has a step in a batch, and (2) none depends on a call
    since the group began. A turn that is all known effects but no steps (an edit) is passed over. The group ends
    at a break, at a wall (a folder that changes, a command of unknown effect), behind a failed call (the next reply
    may answer the failure), and where a turn depends on it: that turn then begins the next one.
    """

    def __init__(self, classify: Classify) -> None:
        self.groups: list[Group] = []
        self.chains: list[Chain] = []
        self.home = ""  # the folder of the first call, where the batches would run
        self._classify = classify
        self._cwd = ""
        self._known = Mentions()
        self._open = _Open()
        self._last: Turn | None = None

    def feed(self, event: Event) -> None:
        if isinstance(event, Break):
            self.end(event.kind)
            self._say(event.text)
            self._last = None
            return
        self._say(event.text)
        self._enter(event.calls[0].cwd)
        roles = [role_of(call, self._classify) for call in event.calls]
        if wall := _wall(event, roles):
            self.end(wall)
            self._pass(event, roles)
            self.end(wall)
        else:
            self._place(event, roles)
        self._last = None if wall else event

    def end(self, reason: str = "the end") -> None:
        """Close the open group; what its results had named is known from here on."""
        done, self._open = self._open, _Open()
        self._known.learn(done.found)
        if len(done.paces) > 1:
            self.groups.append(Group(tuple(done.calls), tuple(done.paces), reason))

    def _enter(self, cwd: str) -> None:
        """The folder a turn is in, which may have changed without a `cd` that can be seen."""
        self.home = self.home or cwd
        if cwd and self._cwd and cwd != self._cwd:
            self.end("the folder changes")
            self._last = None
        self._cwd = cwd or self._cwd

    def _place(self, turn: Turn, roles: list[Role]) -> None:
        """Join the open group, pass it by, or begin the next one."""
        steps = [call for call, role in zip(turn.calls, roles, strict=True) if role.kind == "step"]
        if self._open.calls and len(steps) < len(turn.calls):
            self._pass(turn, roles)
        elif steps:
            cause = self._dependency(turn, roles)
            if cause is not None:
                self._link(turn, cause)
                self.end(cause.reason)
            self._open.calls += steps
            self._open.paces.append(Pace.of(turn))
            self._pass(turn, roles)
        else:
            self._pass(turn, roles)
            self.end()
        failed = next((call for call in turn.calls if turn.results[call.id].failed), None)
        if failed is not None:
            self.end(f"{failed.tool} failed, and the next reply may answer that")

    def _dependency(self, turn: Turn, roles: list[Role]) -> Dependency | None:
        found = (
            dependency(call, role, self._open.earlier, self._known)
            for call, role in zip(turn.calls, roles, strict=True)
        )
        return next((d for d in found if d is not None), None)

    def _link(self, turn: Turn, cause: Dependency) -> None:
        """Note the turn where a reference could have handed on what it took from the turn before."""
        if self._last is not None and (link := chain(self._last, turn, self.home)):
            self.chains.append(link)

    def _pass(self, turn: Turn, roles: list[Role]) -> None:
        """Take in what a turn asked for and what it brought to light, in this order."""
        for call in turn.calls:
            self._say("\n".join(_texts(call.arguments)))
        for call, role in zip(turn.calls, roles, strict=True):
            found = _mentions(call, turn.results).without(self._known)
            self._open.earlier.append(Earlier(call, role, found))
            self._open.found.learn(found)

    def _say(self, text: str) -> None:
        """What the user or the model names is known, unless a result of the group has named it first."""
        self._known.learn(Mentions.of(text).without(self._open.found))


def _wall(turn: Turn, roles: list[Role]) -> str:
    """Why nothing is grouped across this turn, nothing where it is no wall."""
    if any(call.id not in turn.results for call in turn.calls):
        return "a call without a result"
    return next((role.why for role in roles if role.kind == "wall"), "")


def _mentions(call: Call, results: Mapping[str, Result]) -> Mentions:
    result = results.get(call.id)
    return Mentions.of(result.text, numbered=call.tool == "Read") if result else Mentions()


def _texts(arguments: Mapping[str, object]) -> list[str]:
    return [str(value) for value in arguments.values()]
