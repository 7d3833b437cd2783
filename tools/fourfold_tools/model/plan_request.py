"""Plan requests: the tasks an agent wants deployed, and what it reports at a checkpoint; frozen and strict."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictBool

from fourfold_tools.model.request import ContextUse, Name, Positive, StepId

Minutes = Annotated[FiniteFloat, Field(strict=True, gt=0, le=100_000)]
Spent = Annotated[FiniteFloat, Field(strict=True, ge=0, le=100_000)]
Tokens = Annotated[int, Field(strict=True, ge=1)]
Prompt = Annotated[str, Field(strict=True, max_length=20_000)]
Title = Annotated[str, Field(strict=True, max_length=500)]
Path = Annotated[str, Field(strict=True, min_length=1, max_length=4_096)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanTask(_Frozen):
    """One task; all but the id may be left out, the id too (`t1`, `t2` …)."""

    id: StepId = ""
    title: Title = ""
    prompt: Prompt = ""
    needs: tuple[StepId, ...] = ()
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    minutes: Minutes | None = None
    tokens: Tokens | None = None
    agent: Name | None = None
    acceptance: Prompt = ""


class PlanRequest(_Frozen):
    """`plan`: tasks to deploy.

    shared: what happens to tasks that write the same place; `isolate` lets the planner split by path or use git
    worktrees where waiting in sequence costs much.
    """

    goal: Prompt = ""
    tasks: Annotated[list[PlanTask], Field(min_length=1)]
    max_agents: Positive | None = None
    fanout: Annotated[int, Field(strict=True, ge=2, le=4)] = 4
    shared: Literal["sequence", "isolate"] = "sequence"
    format: Literal["text", "json"] = "text"
    force: StrictBool = False
    context: ContextUse | None = None


class FinishedTask(_Frozen):
    """What became of one task. minutes, tokens: what its agent really took."""

    task: Name
    state: Literal["ok", "failed"]
    summary: Prompt = ""
    minutes: Spent | None = None
    tokens: Annotated[int, Field(strict=True, ge=0)] | None = None
    outputs: tuple[Path, ...] = ()


class CheckpointRequest(_Frozen):
    """`checkpoint`: what finished since the last one; reissue: give the inputs of what is in flight once more."""

    plan: Name
    finished: tuple[FinishedTask, ...] = ()
    reissue: StrictBool = False
    context: ContextUse | None = None
    format: Literal["text", "json"] = "text"
