"""A repository: git as the fleet uses it, on the deployer's side and on the workers'."""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import anyio

from fourfold_tools.errors import Contention, FourfoldError, Unsupported

_GIT_S = 600.0  # one command of git on a large repository
# Another git, the user's or that of a deployer that was killed, holds the index; or it is just making or removing a
# worktree, whose half-written files (`failed to read .git/worktrees/…/commondir`) every git stumbles over.
_LOCK_S, _LOCK_AGAIN_S = 10.0, 0.1
_HELD = re.compile(rb"\.lock.*File exists|worktrees/.*(commondir|gitdir|HEAD)", re.DOTALL)
_NOT_OURS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
# Commits of the fleet are no releases: no hooks, no signatures, no questions.
_CONFIG = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


class GitFailed(FourfoldError):
    """git said no; the message is what it said."""

    code = "exit_status"


class Repository:
    """A work tree or a bare repository at `top`."""

    def __init__(self, top: str) -> None:
        self.top = top

    @classmethod
    async def of(cls, folder: str) -> "Repository | None":
        """The repository that a folder belongs to; None where it belongs to none.

        Raises:
            Unsupported: it has no commit yet, or git is not installed.
        """
        here = cls(folder)
        done = await here.try_git("rev-parse", "--show-toplevel")
        if done.returncode:
            return None
        found = cls(_text(done))
        if (await found.try_git("rev-parse", "--verify", "-q", "HEAD")).returncode:
            raise Unsupported(f"{found.top}: the repository has no commit that agents could start from")
        return found

    async def git(self, *arguments: str) -> str:
        """What git prints.

        Raises:
            GitFailed: it ended with another exit code than 0.
        """
        done = await self.try_git(*arguments)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or _text(done)
            raise GitFailed(f"git {arguments[0]}: {said[-500:]}")
        return _text(done)

    async def try_git(self, *arguments: str) -> CompletedProcess[bytes]:
        """Run git to its end, again while somebody else is in the middle of changing the repository."""
        until = anyio.current_time() + _LOCK_S
        while True:
            done = await self._once(arguments)
            held = done.returncode != 0 and _HELD.search(done.stderr)
            if not held or anyio.current_time() >= until:
                return done
            await anyio.sleep(_LOCK_AGAIN_S)

    async def _once(self, arguments: Sequence[str]) -> CompletedProcess[bytes]:
        try:
            with anyio.fail_after(_GIT_S):
                return await anyio.run_process(
                    ["git", *_CONFIG, *arguments], cwd=self.top, env=_environment(os.environ), check=False
                )
        except TimeoutError as exc:
            raise Contention(f"git {arguments[0]} took longer than {_GIT_S:g} s in {self.top}") from exc
        except FileNotFoundError as exc:
            raise Unsupported("git is not on PATH") from exc

    async def head(self) -> str:
        return await self.git("rev-parse", "HEAD")

    async def branch(self) -> str:
        """The branch that is checked out; empty where none is."""
        done = await self.try_git("symbolic-ref", "--short", "-q", "HEAD")
        return _text(done)

    async def has(self, commit: str) -> bool:
        return (await self.try_git("cat-file", "-e", f"{commit}^{{commit}}")).returncode == 0

    async def names(self, *arguments: str) -> list[str]:
        """Paths below the top that a command with `-z` prints."""
        done = await self.try_git(*arguments)
        if done.returncode:
            raise GitFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()[-500:]}")
        return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]

    async def changed(self) -> list[str]:
        """What is not committed as it lies in the work tree; ignored files are left out."""
        rows = await self.names("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        return [row[3:] for row in rows]

    async def is_just(self, commit: str) -> bool:
        """Whether the work tree is this commit and nothing else; asked of git once."""
        # Said in full: a user's status.showUntrackedFiles=no would hide what an agent has made.
        rows = await self.names("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z")
        return [row for row in rows if not row.startswith("# ") or row.startswith("# branch.oid ")] == [
            f"# branch.oid {commit}"
        ]

    async def commit_all(self, message: str) -> str:
        """Commit everything that is not ignored; gives the commit that is checked out then."""
        await self.git("add", "--all")
        if (await self.try_git("diff", "--cached", "--quiet")).returncode:
            await self.git("commit", "--quiet", "--no-verify", "-m", message)
        return await self.head()

    async def merge(self, commit: str, message: str) -> None:
        """Bring a commit into the branch that is checked out, as a merge of its own; nothing where it is in already.

        Raises:
            GitFailed: git would not merge; the work tree is as it was.
        """
        if (await self.try_git("merge-base", "--is-ancestor", commit, "HEAD")).returncode == 0:
            return
        done = await self.try_git("merge", "--no-ff", "--no-verify", "-m", message, commit)
        if done.returncode:
            clash = await self.names("diff", "--name-only", "--diff-filter=U", "-z")
            await self.try_git("merge", "--abort")
            said = done.stderr.decode(errors="replace").strip() or _text(done)
            raise GitFailed(f"its work cannot be merged: {', '.join(clash) or said[-300:]}")

    async def bundle(self, refs: Mapping[str, str], without: str = "") -> bytes:
        """These refs, which are made to name these commits, with all that leads to them and not to `without`."""
        for ref, commit in refs.items():
            await self.git("update-ref", ref, commit)
        left_out = (f"^{without}",) if without else ()
        done = await self.try_git("bundle", "create", "--quiet", "-", *refs, *left_out)
        if done.returncode:
            raise GitFailed(f"git bundle: {done.stderr.decode(errors='replace').strip()[-500:]}")
        return done.stdout

    async def unbundle(self, data: bytes, refs: str) -> None:
        """Take commits in, under the refs that `refs` maps them to (`refs/heads/x:refs/heads/x`)."""
        with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
            file.write(data)
            file.flush()
            await self.git("fetch", "--quiet", "--force", "--no-tags", file.name, refs)

    async def merging(self) -> str:
        """The commit of a merge that was begun and not ended; empty where there is none."""
        return _text(await self.try_git("rev-parse", "-q", "--verify", "MERGE_HEAD"))


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """git without a place of its own, without questions, and with a name for who has none."""
    own = {name: value for name, value in env.items() if name not in _NOT_OURS}
    named = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C.UTF-8"}
    if not (env.get("GIT_AUTHOR_EMAIL") or _configured(env)):
        for who in ("AUTHOR", "COMMITTER"):
            named |= {f"GIT_{who}_NAME": "fourfold", f"GIT_{who}_EMAIL": "fourfold@localhost"}
    return own | named


def _configured(env: Mapping[str, str]) -> bool:
    """Whether the user has told git a name; looked up in the files where it usually stands."""
    home = Path(env.get("HOME") or "~").expanduser()
    files = (home / ".gitconfig", Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "config")
    for file in files:
        try:
            if "email" in file.read_text(encoding="utf-8", errors="replace"):
                return True
        except OSError:
            continue
    return False


def _text(done: CompletedProcess[bytes]) -> str:
    return done.stdout.decode(errors="replace").strip()
