"""The commands that show work: `watch` while it runs."""

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


def add_watch(commands: "Commands") -> None:
    watch = commands.add_parser(
        "watch", help="show what is running, live", epilog=_WATCH_EXAMPLES, formatter_class=_RAW
    )
    watch.add_argument("--once", action="store_true", help="print one frame and leave")
    watch.add_argument("--json", action="store_true", help="one frame as JSON")
    watch.set_defaults(run=_watch)


def _watch(args: argparse.Namespace) -> int:
    from fourfold_server.watch import watch

    return in_loop(lambda: watch(once=args.once, as_json=args.json))
