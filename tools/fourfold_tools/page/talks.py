"""Conversations of an audit as markup: the strip of turns, and each group with its calls and its batch. Pure."""

from fourfold_tools.page.intervals import interval
from fourfold_tools.page.markup import Markup, el
from fourfold_tools.page.model import Group, Talk, Turn


def talk_section(talk: Talk) -> Markup:
    turns = el("ol", [_turn(turn) for turn in talk.turns], class_="turns", aria_label="Turns in order")
    turns_left, groups_left = talk.left_out
    left = list[str]()
    left += [f"{turns_left:,} more turns"] if turns_left else []
    left += [f"{groups_left:,} more groups (audit --json has them)"] if groups_left else []
    more = el("p", " and ".join(left), class_="sub") if left else None
    explained = el(
        "p",
        "Each square is a turn. A strong one begins a group; the light ones after it could have run with it.",
        class_="sub",
    )
    return el(
        "section",
        el("h2", talk.name),
        el("p", talk.note, class_="sub"),
        el("div", explained, turns, more, class_="panel"),
        el("div", [_group(group) for group in talk.groups], class_="cards of-groups"),
    )


def _turn(turn: Turn) -> Markup:
    words = f"turn {turn.number}: {turn.words}"
    if not turn.group:
        return el("li", str(turn.number), title=words)
    kind = "first" if turn.first else "saved"
    told = f"{words}; {'begins' if turn.first else 'could have run in'} group {turn.group}"
    return el("li", str(turn.number), title=told, class_=kind)


def _group(group: Group) -> Markup:
    rows = [
        el("tr", el("th", turn, scope="row"), el("td", tool), el("td", words)) for turn, tool, words in group.calls
    ]
    head = el("thead", el("tr", [el("th", name, scope="col") for name in ("Turn", "Tool", "What")]))
    calls = el("table", head, el("tbody", rows))
    name = f"Group {group.number}"
    return el(
        "article",
        el("header", el("h3", f"{name} · {group.title}")),
        el("p", group.reason, class_="reason"),
        el("div", calls, class_="wrap", tabindex="0", role="region", aria_label=f"Calls of {name.lower()}"),
        [interval(r) for r in group.ranges],
        el(
            "details",
            el("summary", "The one call that does it"),
            el("pre", group.batch, class_="block", tabindex="0", aria_label=f"Batch of {name.lower()}"),
        ),
        class_="panel card",
    )
