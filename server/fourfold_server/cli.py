"""The command line: the same work as the tools, for people and scripts."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fourfold_server import __version__
from fourfold_server.completion import add_completion, complete
from fourfold_server.deploying import add_deploy, add_worker
from fourfold_server.ends import BAD_REQUEST, INTERRUPTED, OK, SOME_FAILED, bad, in_loop
from fourfold_server.given import object_in
from fourfold_server.seeing import add_report, add_watch

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]  (no public name)

_EXAMPLES = """\
examples:
  fourfold batch steps.json            run a batch, as an agent would
  echo '{"steps":[{"op":"grep","pattern":"TODO"}]}' | fourfold batch -
  fourfold runs                        the last runs
  fourfold watch                       what is running now, in every server
  fourfold report r-8kq2 --open        a run (or a plan) as a page in the browser
  fourfold show r-8kq2                 one run, step by step
  fourfold show r-8kq2/tests           the whole output of one step
  fourfold audit ~/.claude/projects    what batches would have saved in past conversations
  fourfold verify r-8kq2 --full        what did running it in parallel gain?
  fourfold doctor                      is everything in place?
  fourfold register --scope project    add fourfold to Claude Code
  fourfold serve --http 8123           serve several clients over Streamable HTTP
"""
_SERVE_EXAMPLES = """\
examples:
  fourfold serve                       on standard input and output: what Claude Code starts
  fourfold serve --http 8123           on http://127.0.0.1:8123/mcp, for several clients at once
  FOURFOLD_HTTP__TOKEN=$(openssl rand -hex 32) fourfold serve --http 8123
  FOURFOLD_HTTP__HOSTS='["build.example"]' fourfold serve --http 0.0.0.0:8123

Over HTTP every request needs the header `Authorization: Bearer TOKEN`. The token is the setting http.token (your
settings file, or the variable FOURFOLD_HTTP__TOKEN); without one it is made anew and shown on standard error. There
is no flag for it, because everybody on the machine can read the arguments of a process. The workspace is the folder
that the server is started in, and what the settings add.

exit codes: 0 the client left or a signal came, 2 it cannot listen there or a setting is wrong, 130 interrupted (HTTP)
"""
_BATCH_EXAMPLES = """\
examples:
  fourfold batch steps.json
  fourfold batch --json - < steps.json | jq .steps[].state

FILE holds what the tool `batch` takes:
  {"steps": [{"id": "hits", "op": "grep", "pattern": "def main", "mode": "files"},
             {"op": "read", "path": {"from": "hits", "field": "paths", "each": true}, "limit": 40}]}

exit codes: 0 every step ok, 1 some step was not, 2 the request is wrong, 130 interrupted
"""
_PLAN_EXAMPLES = """\
examples:
  fourfold plan tasks.json
  fourfold plan --json tasks.json | jq -r '.headless[].command' | sh      with `claude -p`, one after the other

FILE holds what the tool `plan` takes:
  {"goal": "Audit the payment module", "tasks": [
     {"id": "api", "title": "Review the API layer", "reads": ["src/api/**"], "writes": ["reports/api.md"]},
     {"id": "sum", "title": "Write the summary", "reads": ["reports/*.md"], "writes": ["summary.md"]}]}

exit codes: 0 planned, 1 refused for want of context, 2 the request is wrong
"""


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
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fourfold {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_work(commands)
    _add_looks(commands)
    _add_setup(commands)
    return parser


def _add_work(commands: "Commands") -> None:
    """What does something: a server, a batch, a plan, a deployment."""
    raw = argparse.RawDescriptionHelpFormatter
    serve = commands.add_parser(
        "serve",
        help="serve MCP: on standard input and output (what Claude Code starts), or over HTTP",
        epilog=_SERVE_EXAMPLES,
        formatter_class=raw,
    )
    serve.add_argument("--http", metavar="HOST:PORT", help="Streamable HTTP instead; without HOST only this machine")
    serve.set_defaults(run=_serve)

    batch = commands.add_parser("batch", help="run a batch from a file", epilog=_BATCH_EXAMPLES, formatter_class=raw)
    batch.add_argument("file", metavar="FILE", help="JSON as the tool takes it; - reads standard input")
    batch.add_argument("--json", action="store_true", help="print the answer as JSON, no live display")
    batch.set_defaults(run=_batch)

    plan = commands.add_parser("plan", help="plan tasks for agents", epilog=_PLAN_EXAMPLES, formatter_class=raw)
    plan.add_argument("file", metavar="FILE", help="JSON as the tool takes it; - reads standard input")
    plan.add_argument("--json", action="store_true", help="print the whole plan as JSON")
    plan.set_defaults(run=_plan)

    add_deploy(commands)
    add_worker(commands)


def _add_looks(commands: "Commands") -> None:
    """What shows and judges work that was done, or is being done."""
    runs = commands.add_parser("runs", help="list the last runs")
    runs.add_argument("-n", type=int, default=20, metavar="N", help="how many (default 20)")
    runs.add_argument("--json", action="store_true", help="as JSON")
    runs.set_defaults(run=_runs)

    show = commands.add_parser("show", help="show a run, or the whole output of one of its steps")
    show.add_argument("what", metavar="RUN[/STEP]")
    show.add_argument("--json", action="store_true", help="the whole run as JSON")
    show.set_defaults(run=_show)

    add_watch(commands)
    add_report(commands)

    audit = commands.add_parser("audit", help="find what batches would have saved in Claude Code's transcripts")
    audit.add_argument("path", metavar="FILE|DIR", help="a transcript (*.jsonl), or a folder of them")
    audit.add_argument("--json", action="store_true", help="as JSON, with every group and the batch for it")
    audit.add_argument("--html", metavar="FILE", help="write a page that shows it turn by turn")
    audit.set_defaults(run=_audit)

    verify = commands.add_parser("verify", help="measure what running a stored run in parallel gained")
    verify.add_argument("run_id", metavar="RUN")
    verify.add_argument("--full", action="store_true", help="run every step again that may be repeated, not a sample")
    verify.add_argument("--budget", type=float, metavar="SECONDS", help="what it may cost")
    verify.add_argument("--json", action="store_true", help="the whole verification as JSON")
    verify.set_defaults(run=_verify)


def _add_setup(commands: "Commands") -> None:
    """What puts fourfold in its place."""
    doctor = commands.add_parser("doctor", help="check ripgrep, state, settings, permissions, Claude Code")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.set_defaults(run=_doctor)

    waiting = commands.add_parser(
        "waiting", help="name an unfinished handoff of this folder (for a SessionStart hook)"
    )
    waiting.set_defaults(run=_waiting)

    register = commands.add_parser("register", help="add fourfold to Claude Code (prints the command, then runs it)")
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
