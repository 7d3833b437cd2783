"""The command line: the same work as the tools, for people and scripts."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fourfold_server import __version__, examples
from fourfold_server.completion import add_completion, complete
from fourfold_server.deploying import add_deploy, add_worker
from fourfold_server.ends import BAD_REQUEST, INTERRUPTED, OK, SOME_FAILED, bad, in_loop
from fourfold_server.given import object_in
from fourfold_server.seeing import add_report, add_watch

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]  (no public name)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    parser = command_line()
    complete(parser)
    args = parser.parse_args(argv)
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        sys.exit(BAD_REQUEST)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read has gone; nothing more can be said
        code = SOME_FAILED
    sys.exit(code)


def command_line() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    parser = argparse.ArgumentParser(
        prog="fourfold",
        description="Many reads, greps, globs, commands and fetches in one call, side by side, with honest numbers.",
        epilog=examples.ALL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fourfold {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_work(commands)
    _add_looks(commands)
    _add_setup(commands)
    return parser


def _command(commands: "Commands", name: str, told: str) -> argparse.ArgumentParser:
    """A command whose help ends with its examples."""
    return commands.add_parser(
        name,
        help=told,
        description=f"{told[0].upper()}{told[1:]}.",
        epilog=examples.BY_COMMAND[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_work(commands: "Commands") -> None:
    """What does something: a server, a batch, a plan, a deployment."""
    serve = _command(
        commands, "serve", "serve MCP: on standard input and output (what Claude Code starts), or over HTTP"
    )
    serve.add_argument("--http", metavar="HOST:PORT", help="Streamable HTTP instead; without HOST only this machine")
    serve.set_defaults(run=_serve)

    batch = _command(commands, "batch", "run a batch from a file")
    batch.add_argument("file", metavar="FILE", help="JSON as the tool takes it; - reads standard input")
    batch.add_argument("--json", action="store_true", help="print the answer as JSON, no live display")
    batch.set_defaults(run=_batch)

    plan = _command(commands, "plan", "plan tasks for agents")
    plan.add_argument("file", metavar="FILE", help="JSON as the tool takes it; - reads standard input")
    plan.add_argument("--json", action="store_true", help="print the whole plan as JSON")
    plan.set_defaults(run=_plan)

    add_deploy(commands)
    add_worker(commands)


def _add_looks(commands: "Commands") -> None:
    """What shows and judges work that was done, or is being done."""
    runs = _command(commands, "runs", "list the last runs")
    runs.add_argument("-n", type=int, default=20, metavar="N", help="how many (default 20)")
    runs.add_argument("--json", action="store_true", help="as JSON")
    runs.set_defaults(run=_runs)

    show = _command(commands, "show", "show a run, or the whole output of one of its steps")
    show.add_argument("what", metavar="RUN[/STEP]")
    show.add_argument("--json", action="store_true", help="the whole run as JSON")
    show.set_defaults(run=_show)

    add_watch(commands)
    add_report(commands)

    audit = _command(commands, "audit", "find what batches would have saved in Claude Code's transcripts")
    audit.add_argument("path", metavar="FILE|DIR", help="a transcript (*.jsonl), or a folder of them")
    audit.add_argument("--json", action="store_true", help="as JSON, with every group and the batch for it")
    audit.add_argument("--html", metavar="FILE", help="write a page that shows it turn by turn")
    audit.set_defaults(run=_audit)

    verify = _command(commands, "verify", "measure what running a stored run in parallel gained")
    verify.add_argument("run_id", metavar="RUN")
    verify.add_argument("--full", action="store_true", help="run every step again that may be repeated, not a sample")
    verify.add_argument("--budget", type=float, metavar="SECONDS", help="what it may cost")
    verify.add_argument("--json", action="store_true", help="the whole verification as JSON")
    verify.set_defaults(run=_verify)


def _add_setup(commands: "Commands") -> None:
    """What puts fourfold in its place."""
    doctor = _command(commands, "doctor", "check ripgrep, state, settings, permissions, Claude Code")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.set_defaults(run=_doctor)

    waiting = _command(commands, "waiting", "name an unfinished handoff of this folder (for a SessionStart hook)")
    waiting.set_defaults(run=_waiting)

    register = _command(commands, "register", "add fourfold to Claude Code (prints the command, then runs it)")
    register.add_argument("--scope", choices=["local", "project", "user"], default="local")
    register.add_argument("--http", metavar="URL", help="a server that runs already (`fourfold serve --http`)")
    register.add_argument("--dry-run", action="store_true", help="only print")
    register.set_defaults(run=_register)

    add_completion(commands)


def _serve(args: argparse.Namespace) -> int:
    from fourfold_server.serving import serve

    if args.http is None:
        return serve()
    from fourfold_config.settings import SettingsError
    from fourfold_server.http.address import BadAddress, parse_address

    try:
        return serve(parse_address(args.http))
    except (BadAddress, SettingsError) as exc:
        return bad(str(exc))


def _batch(args: argparse.Namespace) -> int:
    from fourfold_server.terminal import run_batch

    given = object_in(args.file, "steps")
    return given if isinstance(given, int) else in_loop(lambda: run_batch(given, as_json=args.json))


def _plan(args: argparse.Namespace) -> int:
    from fourfold_server.terminal import make_plan

    given = object_in(args.file, "tasks")
    return given if isinstance(given, int) else in_loop(lambda: make_plan(given, as_json=args.json))


def _runs(args: argparse.Namespace) -> int:
    from fourfold_server.terminal import list_runs

    return in_loop(lambda: list_runs(args.n, as_json=args.json))


def _show(args: argparse.Namespace) -> int:
    from fourfold_server.terminal import show

    return in_loop(lambda: show(args.what, as_json=args.json))


def _audit(args: argparse.Namespace) -> int:
    from fourfold_server.audit_command import run_audit
    from fourfold_tools.errors import FourfoldError

    try:
        return run_audit(Path(args.path), as_json=args.json, html=args.html)
    except FourfoldError as exc:
        return bad(exc.message)


def _verify(args: argparse.Namespace) -> int:
    from fourfold_server.terminal import verify_run

    return in_loop(lambda: verify_run(args.run_id, full=args.full, budget_s=args.budget, as_json=args.json))


def _doctor(args: argparse.Namespace) -> int:
    from fourfold_server.doctor import examine

    checks = examine()
    if args.json:
        print(json.dumps([check.data() for check in checks], indent=1, ensure_ascii=False))
    else:
        for check in checks:
            print(check.line())
    return SOME_FAILED if any(check.state == "fail" for check in checks) else OK


def _waiting(args: argparse.Namespace) -> int:
    from fourfold_server.waiting import waiting

    return in_loop(waiting)


def _register(args: argparse.Namespace) -> int:
    from fourfold_server.doctor import register

    return register(args.scope, args.http, only_print=args.dry_run)
