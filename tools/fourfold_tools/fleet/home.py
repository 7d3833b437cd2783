"""A home: the project that a deployment works in, and how the work of checkouts comes back into it."""

import os
from collections.abc import Sequence

import anyio.to_thread
from anyio import CapacityLimiter

from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.errors import Denied, FourfoldError, InvalidRequest, TooLarge
from fourfold_tools.fleet.away import result_of, start_of
from fourfold_tools.fleet.bundles import Bundles
from fourfold_tools.fleet.contract import Checkout, Outcome
from fourfold_tools.fleet.repository import Repository
from fourfold_tools.fleet.travel import Baggage, branch_of, faults


class Home:
    """A project folder. Without a repository, agents work in the folder itself.

    Tasks that write get checkouts; where the fleet has workers on other machines (`bundles`), every task does. The
    work is merged into the branch that was checked out when the deployment went on, and nowhere else.
    """

    def __init__(
        self, plan: str, folder: str, repository: Repository | None, bundles: Bundles | None, most_bytes: int
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._repository = repository
        self._bundles = bundles
        self._most_bytes = most_bytes
        self._inside = self._branch = self._start = ""
        self._threads = CapacityLimiter(1)

    @classmethod
    async def of(cls, plan: str, folder: str, bundles: Bundles | None, most_bytes: int) -> "Home":
        """Raises Unsupported for a repository without commits."""
        found = await Repository.of(folder)
        home = cls(plan, folder, found, bundles, most_bytes)
        if found is not None:
            home._inside = _below(folder, found.top)
            home._branch = await found.branch()
            home._start = await found.head()
        return home

    async def prepare(self, plan: Deployment, settled: frozenset[int], known: frozenset[str]) -> None:
        """Refuse what cannot travel, before anything starts; then let the start commit travel.

        settled: tasks that have ended or are in flight. known: commits and branches of this plan's own attempts.

        Raises:
            InvalidRequest: a line for each task that cannot start from a commit. Denied: a merge is under way.
            TooLarge: the history is longer than what may stand in the fleet's database.
        """
        if self._repository is None:
            if self._bundles is not None:
                raise InvalidRequest("the project is in no git repository: its tasks cannot travel to other machines")
            return
        await self._repository.try_git("worktree", "prune")  # what processes that were killed have left
        merging = await self._repository.merging()
        if merging and merging not in known:
            raise Denied(f"a merge is under way in {self._repository.top}: end it first")
        if merging:  # a deployer that was killed began it
            await self._repository.git("merge", "--abort")
        found = faults(plan, settled, await self._baggage(self._repository, known))
        if found:
            raise InvalidRequest(found)
        if self._bundles is not None:
            await self._publish(self._repository, self._bundles)

    async def base(self) -> str | None:
        """The commit that what starts now starts from; None outside a repository."""
        return None if self._repository is None else await self._repository.head()

    async def checkout_for(
        self, task: Task, attempt: int, before: Sequence[Task], base: str | None
    ) -> Checkout | None:
        """Where an attempt starts from; before: the tasks that it waited for. base: as `base` gave it."""
        if self._repository is None or base is None or not (task.writes or self._bundles is not None):
            return None
        found = Checkout(
            repository=self._repository.top,
            inside=self._inside,
            base=base,
            branch=branch_of(task.id),
            start=self._start,
        )
        apart = [branch_of(other.id) for other in before if other.worktree]
        if self._bundles is None or (base == self._start and not apart):
            return found
        name = f"{self._plan}/{task.id}/{attempt}:base"
        refs = {f"refs/heads/{branch}": await self._repository.git("rev-parse", branch) for branch in apart}
        base_ref = f"refs/fourfold/{self._plan}/base"
        data = await self._repository.bundle({base_ref: base, **refs}, self._start)
        await self._put(self._bundles, name, data)
        return found.model_copy(update={"brings": name})

    async def land(self, task: Task, key: str, outcome: Outcome) -> Outcome:
        """Merge what an attempt has made; a failure where git cannot. A task that a merge task follows keeps its
        branch.

        Raises:
            Denied: another branch is checked out by now.
        """
        home, commit = self._repository, outcome.commit
        if home is None or outcome.state != "ok" or commit is None:
            return outcome
        branch = branch_of(task.id)
        try:
            if self._bundles is not None and not await home.has(commit):
                name = result_of(key, commit)
                data = await anyio.to_thread.run_sync(self._bundles.get, name, limiter=self._threads)
                await home.unbundle(data or b"", f"refs/heads/{branch}:refs/heads/{branch}")
            if task.worktree:
                return outcome
            now = await home.branch()
            if now != self._branch:
                was = self._branch or "no branch"
                raise Denied(f"{home.top} was on {was} and is on {now or 'no branch'}: go back, then go on")
            await home.merge(commit, f"Merge {branch}: {task.title}")
            await home.try_git("branch", "-D", branch)
        except Denied:
            raise
        except FourfoldError as exc:
            return outcome.model_copy(update={"state": "failed", "summary": f"{exc.message} (branch {branch})"})
        return outcome

    async def tidy(self) -> None:
        """Remove what only travelled."""
        if self._repository is not None and self._bundles is not None:
            await self._repository.try_git("update-ref", "-d", f"refs/fourfold/{self._plan}/base")
            await anyio.to_thread.run_sync(self._bundles.drop, self._plan, limiter=self._threads)

    async def _baggage(self, home: Repository, known: frozenset[str]) -> Baggage:
        ignored = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        refs = await home.git("for-each-ref", "--format=%(refname:short)", "refs/heads/fourfold")
        return Baggage.of(
            top=home.top,
            changed=await home.changed(),
            ignored=await home.names(*ignored),
            branches=frozenset(refs.split()) - known,
            away=self._bundles is not None,
        )

    async def _publish(self, home: Repository, bundles: Bundles) -> None:
        name = start_of(self._plan, self._start)
        if not await anyio.to_thread.run_sync(bundles.has, name, limiter=self._threads):
            await self._put(bundles, name, await home.bundle({f"refs/fourfold/{self._plan}/base": self._start}))

    async def _put(self, bundles: Bundles, name: str, data: bytes) -> None:
        if len(data) > self._most_bytes:
            raise TooLarge(
                f"{len(data):,} bytes of history would have to travel through the fleet's database, more than "
                f"fleet.max_bundle_bytes ({self._most_bytes:,})"
            )
        await anyio.to_thread.run_sync(bundles.put, name, self._plan, data, limiter=self._threads)


def _below(folder: str, top: str) -> str:
    """Where a folder lies below the top of its repository; empty where it is the top."""
    inside = os.path.relpath(os.path.realpath(folder), os.path.realpath(top))
    return "" if inside == "." else inside
