"""The commands that show work: `watch` while it runs, `report` when it is over."""

import argparse
from typing import TYPE_CHECKING

from fourfold_server.ends import in_loop

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]  (no public name)

_RAW = argparse.RawDescriptionHelpFormatter

_WATCH_EXAMPLES = """\
examples:
  fourfold watch                       until Ctrl-C
  fourfold watch --once                one frame; also where the output is no terminal
  fourfold watch --json | jq .servers[].runs[].run

Shown are runs that have lasted a second, of every server that shares the state directory (FOURFOLD_STATE_DIR).
"""
_REPORT_EXAMPLES = """\
examples:
  fourfold report r-8kq2               in the terminal
  fourfold report r-8kq2 --open        as a page in the browser
  fourfold report p-3f7k --html plan.html
  fourfold report r-8kq2 --png run.png   the chart as a picture (needs: pip install 'fourfold[picture]')

The page is one file: no network, works from file://, light and dark.
exit codes: 0 written, 2 no such run or plan
"""


def add_watch(commands: "Commands") -> None:
    watch = commands.add_parser(
        "watch", help="show what is running, live", epilog=_WATCH_EXAMPLES, formatter_class=_RAW
    )
    watch.add_argument("--once", action="store_true", help="print one frame and leave")
    watch.add_argument("--json", action="store_true", help="one frame as JSON")
    watch.set_defaults(run=_watch)


def add_report(commands: "Commands") -> None:
    report = commands.add_parser(
        "report",
        help="show a run or a plan: chart, errors, verification",
        epilog=_REPORT_EXAMPLES,
        formatter_class=_RAW,
    )
    report.add_argument("what", metavar="RUN|PLAN")
    report.add_argument("--html", metavar="FILE", help="write one self-contained page; - is standard output")
    report.add_argument("--png", metavar="FILE", help="write the chart as a picture")
    report.add_argument("--open", action="store_true", help="open the page in the browser")
    report.set_defaults(run=_report)


def _watch(args: argparse.Namespace) -> int:
    from fourfold_server.watch import watch

    return in_loop(lambda: watch(once=args.once, as_json=args.json))


def _report(args: argparse.Namespace) -> int:
    from fourfold_server.report import Wanted, report

    wanted = Wanted(args.what, html=args.html, png=args.png, open_page=args.open)
    return in_loop(lambda: report(wanted))
