"""Commands that run another command: what is left when timeout, env, nice and the like are taken off."""

from fourfold_tools.ops.shell.syntax import SimpleCommand


def unwrap(cmd: SimpleCommand) -> SimpleCommand | None:
    """The command itself without its wrappers: timeout, time, nice, nohup, stdbuf, command, builtin, env, exec, xargs.

    A command that is no wrapper comes back as it is; `NAME=value` words of env become assignments; what xargs
    adds becomes one dynamic word at the end. `bash -c TEXT` stays: see `inline_script`. None when the options of
    a wrapper are not understood.
    """
    raise NotImplementedError


def inline_script(cmd: SimpleCommand) -> str | None:
    """The literal TEXT of `bash -c TEXT` or `eval TEXT` (sh, bash, zsh, dash, ksh), for the caller to parse again.

    None when the command is no such call, or its text is only known when it runs.
    """
    raise NotImplementedError
