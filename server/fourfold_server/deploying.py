"""Deploying: the commands of the fleet and their flags; what they do is imported when one is run."""

import argparse
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from fourfold_server.ends import bad, in_loop
from fourfold_server.given import object_in

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]  (no public name)

_DEPLOY_EXAMPLES = """\
examples:
  fourfold deploy tasks.json --dry-run
  fourfold deploy tasks.json --yes --max-usd 5 --max-agents 4
  fourfold deploy p-8kq2                                   go on with a plan that is stored

exit codes: 0 every task ok, 1 some task was not, 2 the request is wrong or nobody agreed to it, 130 interrupted
"""


_WORKER_EXAMPLES = """\
examples:
  FOURFOLD_FLEET__DATABASE=postgresql://user@db.example/fourfold fourfold worker
  fourfold worker --command "python3 agent.py"      another agent than Claude Code

Which database is the setting fleet.database, the same as the deployer's.
"""


def add_deploy(commands: "Commands") -> None:
    deploy = commands.add_parser(
        "deploy",
        help="carry a plan out with headless agents",
        epilog=_DEPLOY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    deploy.add_argument("what", metavar="PLAN|FILE", help="a plan's id, or a file as `fourfold plan` takes it")
    deploy.add_argument("--dry-run", action="store_true", help="only say what it would take")
    deploy.add_argument("--yes", action="store_true", help="start without asking")
    deploy.add_argument("--max-usd", type=float, metavar="X", help="dollars for all agents together")
    deploy.add_argument("--max-minutes", type=float, metavar="M", help="end what runs after so long")
    deploy.add_argument("--max-agents", type=int, metavar="N", help="agents at once")
    deploy.add_argument("--command", metavar="TEXT", help="the agent's program and arguments (default: Claude Code)")
    deploy.add_argument("--once", action="append", default=[], metavar="TASK", help="never begin this task twice")
    deploy.add_argument("--retry-unknown", action="store_true", help="begin again what nobody knows the end of")
    deploy.add_argument("--only-deploy", action="store_true", help="run no agents in this process")
    deploy.add_argument("--json", action="store_true", help="print the end as JSON, no live display")
    deploy.set_defaults(run=_deploy)


def add_worker(commands: "Commands") -> None:
    worker = commands.add_parser(
        "worker",
        help="run agents for the deployments of a shared database",
        description="Run agents for the deployments of a shared database, until Ctrl-C.",
        epilog=_WORKER_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    worker.add_argument("--command", metavar="TEXT", help="the agent's program and arguments (default: Claude Code)")
    worker.set_defaults(run=_worker)


def _worker(args: argparse.Namespace) -> int:
    if find_spec("dbos") is None:
        return bad("worker needs the extra: pip install 'fourfold[fleet]'")
    from fourfold_server.worker_command import run_worker

    return in_loop(lambda: run_worker(args.command))


def _deploy(args: argparse.Namespace) -> int:
    if find_spec("dbos") is None:
        return bad("deploy needs the extra: pip install 'fourfold[fleet]'")
    is_file = args.what == "-" or Path(args.what).exists() or not args.what.startswith("p-")
    given = object_in(args.what, "tasks") if is_file else args.what
    if isinstance(given, int):
        return given
    for name in ("max_usd", "max_minutes", "max_agents"):
        if (value := getattr(args, name)) is not None and not 0 < value < inf:
            return bad(f"--{name.replace('_', '-')}: expected a number above 0, got {value:g}")
    from fourfold_server.deploy_command import Options, run_deploy

    options = Options(
        dry_run=args.dry_run,
        yes=args.yes,
        max_usd=args.max_usd,
        max_minutes=args.max_minutes,
        max_agents=args.max_agents,
        command=args.command,
        once=tuple(args.once),
        retry_unknown=args.retry_unknown,
        only_deploy=args.only_deploy,
        as_json=args.json,
    )
    return in_loop(lambda: run_deploy(given, options))
