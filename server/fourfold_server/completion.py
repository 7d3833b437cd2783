"""Completion: what a shell needs to complete fourfold's commands and options when Tab is pressed."""

import argparse
import os
from typing import TYPE_CHECKING

from fourfold_server.ends import OK

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]  (no public name)

_SHELLS = ("bash", "zsh", "fish", "tcsh")
_EXAMPLES = """\
examples:
  fourfold completion bash > ~/.local/share/bash-completion/completions/fourfold
  fourfold completion zsh > ~/.zfunc/_fourfold        (with ~/.zfunc in $fpath)
  fourfold completion fish > ~/.config/fish/completions/fourfold.fish
  source <(fourfold completion bash)                  for this shell only
"""


def add_completion(commands: "Commands") -> None:
    completion = commands.add_parser(
        "completion",
        help="print what your shell needs to complete commands and options",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=_SHELLS)
    completion.set_defaults(run=_print)


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and leave; does nothing for anybody else."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def _print(args: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["fourfold"], shell=args.shell))
    return OK
