"""The document: a page as one HTML file that needs nothing else. Pure."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from fourfold_tools.answer.words import seconds
from fourfold_tools.page import drawing
from fourfold_tools.page.chart import Chart
from fourfold_tools.page.critical import Link
from fourfold_tools.page.intervals import interval
from fourfold_tools.page.markup import Markup, Node, el, join
from fourfold_tools.page.model import Fault, Figure, Page, Row, Table, Verdict
from fourfold_tools.page.talks import talk_section
from fourfold_tools.page.timeline import timeline

_GOOD = frozenset({"ok", "done", "VALID", "complete"})
_BAD = frozenset({"failed", "crashed", "INVALID"})
_LATE = frozenset({"timed_out", "cancelled", "UNVERIFIED", "unknown", "running"})
_MOST_NAMED = 20  # steps of a message, messages of a code
_LONG = 11  # letters of a figure from which on it is set smaller


def html(page: Page, version: str) -> str:
    """The whole file, UTF-8. Its policy forbids every request and every script and style but its own."""
    return _file(f"{page.kind} {page.name} · fourfold", body_of(page, version), _asset("page.js"), version)


def view(version: str) -> str:
    """The empty page that an MCP host opens beside an answer; it asks the host for the report to show in it."""
    return _file("fourfold", Markup(""), f"{_asset('page.js')}{_asset('view.js')}", version)


def _file(title: str, body: Markup, script: str, version: str) -> str:
    style = _asset("page.css")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = [
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", Markup(style)),
    ]
    whole = el(
        "html", el("head", head), el("body", body, el("script", Markup(script))), lang="en", data_version=version
    )
    return f"<!doctype html>\n{whole}\n"


def body_of(page: Page, version: str) -> Markup:
    """What stands between the body's tags, the script aside."""
    sections: list[Node] = [_figures(page.figures), _notes(page.notes)]
    if page.chart is not None and page.chart.bars:
        sections.append(timeline(page.chart))
    sections += [_chain(page), _faults(page.faults), _verification(page)]
    sections += [talk_section(talk) for talk in page.talks]
    if page.text is not None:
        title, text = page.text
        sections.append(_section(title, el("pre", text, class_="block panel", tabindex="0", aria_label=title)))
    sections += [_table(table) for table in page.tables if table.rows]
    foot = el("footer", f"fourfold {version} · made from the stored record; nothing on this page was fetched")
    return join([_top(page), el("main", sections, id="main"), foot])


@cache
def _asset(name: str) -> str:
    return files("fourfold_tools.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def pill(state: str) -> Markup:
    kind = "good" if state in _GOOD else "bad" if state in _BAD else "late" if state in _LATE else ""
    return el("span", state.replace("_", " "), class_=f"pill {kind}".strip())


def _top(page: Page) -> Markup:
    name = el(
        "div",
        el("p", f"fourfold {page.kind}", class_="kind"),
        el("h1", page.name, " ", pill(page.state) if page.state else None),
        el("p", page.subtitle, class_="sub"),
    )
    button = el("button", "Colours: auto", id="theme", type="button", hidden=True)
    return join([el("a", "To the content", href="#main", class_="skip"), el("header", name, button, class_="top")])


def _section(title: str, *content: Node) -> Markup:
    return el("section", el("h2", title), *content)


def _figures(figures: Sequence[Figure]) -> Markup:
    def one(figure: Figure) -> Markup:
        note = el("dd", figure.note, class_="note") if figure.note else None
        value = "value long" if len(figure.value) > _LONG else "value"
        return el("div", el("dt", figure.label), el("dd", figure.value, class_=value), note)

    return el("dl", [one(f) for f in figures], class_="figures")


def _notes(notes: Sequence[str]) -> Markup | None:
    return el("ul", [el("li", note) for note in notes], class_="notes") if notes else None


def _chain(page: Page) -> Markup | None:
    if len(page.chain) < 2 or page.chart is None:
        return None
    whole = sum(link.waited + link.ran for link in page.chain) or 1.0
    rows: list[Markup] = []
    at = 0.0
    for link in page.chain:
        rows.append(_chain_row(link, at / whole, whole, page.chart))
        at += link.waited + link.ran
    panel = el("div", el("p", page.chain_note, class_="sub"), el("ol", rows, class_="chain"), class_="panel")
    return _section(page.chain_title, panel)


def _chain_row(link: Link, at: float, whole: float, chart: Chart) -> Markup:
    def words(value: float) -> str:
        return seconds(value) if chart.unit == "s" else f"{value:.3g} min"

    held, ran = 100 * link.waited / whole, 100 * link.ran / whole
    text = words(link.ran) + (f", after {words(link.waited)} of waiting" if held >= 0.2 else "")
    if link.through == "room":
        text += " (held up by the one above)"  # it was ready, and waited for what that one held
    left = 100 * at
    end = left + held + ran
    turned = end > 60
    bars = [
        el("rect", x=f"{left:.2f}%", y=6, width=f"{held:.2f}%", height=4, class_="held") if held >= 0.2 else None,
        el("rect", x=f"{left + held:.2f}%", y=2, width=f"{max(0.2, ran):.2f}%", height=12, rx=2, class_="ran"),
        el(
            "text",
            text,
            x=f"{left if turned else end:.2f}%",
            dx=-6 if turned else 6,
            y=12,
            text_anchor="end" if turned else None,
        ),
    ]
    return el(
        "li", el("span", link.name, class_="who"), el("svg", bars, role="img", aria_label=f"{link.name}: {text}")
    )


def _faults(faults: Sequence[Fault]) -> Markup | None:
    if not faults:
        return None

    def message(text: str, names: Sequence[str]) -> list[Node]:
        told = ", ".join(names[:_MOST_NAMED]) + (
            f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        )
        return [el("p", told, class_="who"), el("pre", text) if text else None]

    def one(fault: Fault) -> Markup:
        head = el("h3", fault.code.replace("_", " "), el("span", f" · {fault.count}", class_="count"))
        shown = fault.messages[:_MOST_NAMED]
        more = len(fault.messages) - len(shown)
        rest = el("p", f"and {more:,} more messages, in the table", class_="who") if more > 0 else None
        return el("li", head, [message(text, names) for text, names in shown], rest)

    return _section("Failures", el("ul", [one(f) for f in faults], class_="faults"))


def _verification(page: Page) -> Markup | None:
    if not page.verdicts:
        return None
    title = el("h2", "Verification ", pill(page.verdict_state) if page.verdict_state else None)
    cards = el("div", [_card(v) for v in page.verdicts], class_="cards")
    printed = None
    if page.lines:
        block = el("pre", "\n".join(page.lines), class_="block", tabindex="0", aria_label="Verification lines")
        printed = el("details", el("summary", "The four lines as printed"), block, class_="panel")
    return el("section", title, cards, printed)


def _card(verdict: Verdict) -> Markup:
    pairs = el("dl", [[el("dt", k), el("dd", v)] for k, v in verdict.pairs], class_="pairs")
    checks = [
        el(
            "li",
            f"{'✓' if held else '✗'} {name}",
            el("span", " does not hold", class_="skip") if not held else None,
            class_=None if held else "no",
        )
        for name, held in verdict.checks
    ]
    return el(
        "article",
        el("header", el("h3", verdict.name), pill(verdict.state)),
        el("p", verdict.reason, class_="reason"),
        pairs,
        [interval(r) for r in verdict.ranges],
        el("ul", checks, class_="checks", aria_label="Checks") if checks else None,
        class_="panel card",
    )


def _table(table: Table) -> Markup:
    heads = [
        el("th", c, scope="col", class_="num" if i in table.numeric else None) for i, c in enumerate(table.columns)
    ]
    body = el("tbody", [_row(row, table) for row in table.rows])
    caption = f"{len(table.rows):,} rows" + (f", {table.left_out:,} more left out" if table.left_out > 0 else "")
    whole = el("table", el("caption", caption), el("thead", el("tr", heads)), body)
    wrap = el("div", whole, class_="wrap", tabindex="0", role="region", aria_label=table.title)
    if table.folded:
        return _section(table.title, el("details", el("summary", f"Show {caption}"), wrap, class_="panel"))
    return _section(table.title, wrap)


def _row(row: Row, table: Table) -> Markup:
    state = (
        "bad"
        if row.state in _BAD
        else "late"
        if row.state in _LATE
        else "off"
        if row.state in {"skipped", "not_started"}
        else None
    )
    first, *others = row.cells
    cells = [el("td", c, class_="num" if i in table.numeric else None) for i, c in enumerate(others, 1)]
    return el(
        "tr",
        el("th", first, scope="row"),
        cells,
        id=f"row-{drawing.row_key(row.key)}" if row.key else None,
        class_=state,
    )
