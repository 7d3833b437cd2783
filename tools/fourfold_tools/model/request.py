"""A batch request: the steps an agent submits, as frozen models that refuse what the contract does not name."""

from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StrictBool

OpName = Literal["read", "grep", "glob", "bash", "fetch"]

# The fields of an op's output that a reference may name.
FIELDS: dict[str, tuple[str, ...]] = {
    "read": ("text", "lines"),
    "grep": ("paths", "matches", "count"),
    "glob": ("paths", "matches", "count"),
    "bash": ("stdout", "stderr", "exit_code", "lines"),
    "fetch": ("text", "lines", "links"),
}

StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Count = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[int, Field(strict=True, ge=1)]
Seconds = Annotated[FiniteFloat, Field(strict=True, gt=0, le=86_400)]
Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Reference(_Frozen):
    """Typed data from an earlier step: `{"from": ID, "field": F, "each": bool, "max_items": N}`."""

    from_: StepId = Field(alias="from")
    field: Name
    each: StrictBool = False
    max_items: Positive | None = None


Names = Annotated[list[Name], Field(min_length=1)]
One = Name | Reference
OneOrMany = Name | Names | Reference
Number = Annotated[int, Field(strict=True)] | Annotated[FiniteFloat, Field(strict=True)]
Argument = Text | Number | Reference


class StepBase(_Frozen):
    """What every step may carry, whatever its op."""

    id: StepId = ""
    needs: tuple[StepId, ...] = ()
    timeout_s: Seconds | None = None
    retries: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    reads: tuple[Name, ...] = ()
    writes: tuple[Name, ...] = ()
    max_tokens: Positive | None = None
    label: Text | None = None


class ReadStep(StepBase):
    op: Literal["read"]
    path: OneOrMany
    offset: Count | Reference | None = None
    limit: Positive | Reference | None = None


class GrepStep(StepBase):
    op: Literal["grep"]
    pattern: OneOrMany
    path: OneOrMany | None = None
    glob: One | None = None
    type: One | None = None
    mode: Literal["content", "files", "count"] = "content"
    before: Count | None = None
    after: Count | None = None
    context: Count | None = None
    ignore_case: StrictBool = False
    multiline: StrictBool = False
    fixed: StrictBool = False
    head_limit: Count | None = None
    offset: Count = 0
    hidden: StrictBool = True
    no_ignore: StrictBool = False


class GlobStep(StepBase):
    op: Literal["glob"]
    pattern: OneOrMany
    path: One | None = None
    head_limit: Count | None = None


class BashStep(StepBase):
    op: Literal["bash"]
    command: Name
    args: Reference | list[Argument] | None = None
    stdin: Text | Reference | None = None
    cwd: One | None = None
    env: dict[Name, Argument] | None = None
    shell: Name | None = None
    idempotent: StrictBool = False


class FetchStep(StepBase):
    op: Literal["fetch"]
    url: OneOrMany
    format: Literal["markdown", "text", "raw"] = "markdown"
    max_bytes: Positive | None = None
    headers: dict[Name, Text] | None = None


Step = Annotated[ReadStep | GrepStep | GlobStep | BashStep | FetchStep, Field(discriminator="op")]
LocalStep = Annotated[ReadStep | GrepStep | GlobStep, Field(discriminator="op")]
AnyStep = ReadStep | GrepStep | GlobStep | BashStep | FetchStep
_S = TypeVar("_S", bound=StepBase)


def _with_ids(steps: list[_S]) -> list[_S]:
    """The steps with an id each: its own, or `s` and its place, counted from 1.

    Written into them before anybody else sees them: a copy of each of ten thousand steps takes a dozen megabytes.
    """
    for i, step in enumerate(steps, 1):
        if not step.id:
            vars(step)["id"] = f"s{i}"
    return steps


# The argument of each op that a list spreads over sub-steps, in the order they are looked at.
SPREAD: dict[str, tuple[str, ...]] = {
    "read": ("path",),
    "grep": ("pattern",),
    "glob": ("pattern",),
    "bash": (),
    "fetch": ("url",),
}


class ContextUse(_Frozen):
    """How full the caller's window is, as it says: a percentage, or tokens (of the model's own window, or this)."""

    percent: Annotated[FiniteFloat, Field(strict=True, ge=0, le=1_000)] | None = None
    used_tokens: Annotated[int, Field(strict=True, ge=0, le=1 << 53)] | None = None
    window_tokens: Annotated[int, Field(strict=True, ge=1, le=1 << 53)] | None = None


class BatchOptions(_Frozen):
    """What a whole batch may carry."""

    max_tokens: Positive | None = None
    max_parallel: Positive | None = None
    deadline_s: Seconds | None = None
    verify: Literal["off", "sample", "full"] = "off"
    on_error: Literal["continue", "stop"] = "continue"
    dry_run: StrictBool = False
    format: Literal["text", "json"] = "text"
    force: StrictBool = False
    context: ContextUse | None = None


class BatchRequest(BatchOptions):
    """`batch`: any steps, or the rest of a stored run."""

    steps: Annotated[list[Step], Field(min_length=1), AfterValidator(_with_ids)] | None = None
    unknown: Literal["parallel", "barrier"] = "parallel"
    resume: Name | None = None
    retry_unknown: StrictBool = False


class InspectRequest(BatchOptions):
    """`inspect`: local steps that only read."""

    steps: Annotated[list[LocalStep], Field(min_length=1), AfterValidator(_with_ids)]

    def as_batch(self) -> BatchRequest:
        """The same request as a batch; its steps are already of the allowed ops."""
        return BatchRequest.model_construct(
            None, **{name: getattr(self, name) for name in type(self).model_fields}, resume=None, retry_unknown=False
        )


def references(value: Any) -> list[Reference]:
    """The references that stand anywhere inside an argument, in order."""
    if isinstance(value, Reference):
        return [value]
    if isinstance(value, list | tuple):
        return [r for item in cast("list[Any]", value) for r in references(item)]
    if isinstance(value, dict):
        return [r for item in cast("dict[str, Any]", value).values() for r in references(item)]
    return []


_PLAIN = frozenset({str, int, float, bool, type(None)})


def arguments_with_references(step: AnyStep) -> dict[str, Any]:
    """The arguments of a step in which references stand, by name."""
    return {
        name: value for name, value in vars(step).items() if type(value) not in _PLAIN and value and references(value)
    }
