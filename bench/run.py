"""The benchmark: each figure is a median against a floor taken just before it, through the whole server.

Absolute times mean nothing on a shared machine; ratios to what the machine itself needs do. Examples:

  python bench/run.py                      all rows, growth, the profile, and every peer that is installed
  python bench/run.py rows --only reads    rows whose name holds "reads"
  python bench/run.py peers --install      install the peers (outside of the checkout), then compare
  python bench/run.py --write              also put the tables into bench/results.md and draw bench/growth.svg
  python bench/run.py --quick              a few rows, one round: whether it runs, not how fast
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cpu
import growth
from case import Case, NotMeasured, Probe, measure
from cases import calls, commands, fetches, reads, runs, searches
from machine import heading
from pages import typical_pages
from peers.compare import compare
from peers.entries import PEERS
from peers.install import install
from table import table, write
from world import World, world

_SECTIONS = ("rows", "growth", "profile", "peers")
_QUICK = ("200 reads, formatted, warm", "20 greps, one list, few hits, the standard", "32 pages at 50 ms", "a mix of")
_PAGES = 40


def main() -> None:
    args = _arguments()
    sections = args.sections or (("rows", "growth") if args.quick else _SECTIONS)
    if args.install:
        for peer in PEERS:
            print(f"{peer.package}: {install(peer) or 'installed'}", file=sys.stderr)
    head = heading()
    texts = [head]
    with _world(args.quick) as place:
        if "rows" in sections:
            chosen = [row for row in _rows(place) if _is_chosen(row, args.only, args.quick)]
            texts.append(_measured(chosen, args.rounds))
        if "growth" in sections:
            curves = growth.curves(place, 1 if args.quick else 3, 20 if args.quick else None)
            texts.append(growth.table(curves))
            picture = growth.picture(curves, head.removeprefix("## "))
            if args.write:
                growth.PICTURE.write_text(picture, encoding="utf-8")
        if "profile" in sections:
            texts.append(cpu.profile(place, args.rounds))
        if "peers" in sections:
            texts.append(compare(place, min(args.rounds, 5), args.peer))
    text = "\n\n".join(texts) + "\n"
    print(text)
    if args.write:
        write(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[*_SECTIONS, []], help="what to measure (default: all)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows whose name holds TEXT")
    parser.add_argument("--peer", default="", metavar="TEXT", help="only peers whose name holds TEXT")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds of each row (default 7)")
    parser.add_argument("--install", action="store_true", help="install peers that are not there yet")
    parser.add_argument("--write", action="store_true", help="put the result into bench/results.md, newest first")
    parser.add_argument("--quick", action="store_true", help="a few rows, one round each, small sizes")
    args = parser.parse_args()
    args.rounds = 1 if args.quick else args.rounds
    return args


@contextmanager
def _world(quick: bool) -> Iterator[World]:
    with ExitStack() as stack:
        pages, why = None, "not in the quick form"
        if not quick:
            try:
                pages = stack.enter_context(typical_pages(_PAGES))
            except NotMeasured as exc:
                why = str(exc)
        yield stack.enter_context(world(pages, why))


def _rows(place: World) -> list[Case | Probe]:
    return [row for part in (calls, reads, searches, commands, fetches, runs) for row in part.rows(place)]


def _is_chosen(row: Case | Probe, only: str, quick: bool) -> bool:
    return only in row.name and (not quick or row.name.startswith(_QUICK))


def _measured(rows: list[Case | Probe], rounds: int) -> str:
    figures = []
    for row in rows:
        print(f"{row.name} …", file=sys.stderr)
        figures.append(measure(row, rounds))
    return table(figures)


if __name__ == "__main__":
    main()
