"""The catalogue: names, descriptions and argument schemas of the tools, as the client lists them."""

from typing import Any

from mcp.types import Tool, ToolAnnotations

Schema = dict[str, Any]

INSTRUCTIONS = """\
fourfold runs a batch of local work in ONE call: reads, greps, globs, shell commands and web fetches side by side, \
in the order their dependencies demand.
Use it when you are about to make three or more such calls, or when one call's result feeds others (grep, then read \
every hit). For a single read or command use your own tool: it costs fewer tokens.
- `inspect`: read, grep, glob only. `batch`: also bash and fetch.
- A later step takes data by reference: {"from": "hits", "field": "paths", "each": true}. Use `needs` for plain order.
- A failed step never fails its neighbours; the second line of the answer names every step that is not ok.
- Ask for what you need: `limit`, `head_limit`, `mode: "files"`, `max_tokens`. What was cut is in the file that the \
answer names.
- Commands run without a terminal and end with their children: nothing stays in the background.\
"""

_REF = "or a reference {from, field, each?, max_items?}"
_STEP_COMMON: Schema = {
    "id": {"type": "string", "description": "default s1, s2 …"},
    "needs": {"type": "array", "items": {"type": "string"}, "description": "ids that must end ok first"},
    "timeout_s": {"type": "number"},
    "retries": {"type": "integer"},
    "max_tokens": {"type": "integer", "description": "this step's share of the answer"},
    "label": {"type": "string"},
    "reads": {"type": "array", "items": {"type": "string"}, "description": "paths/globs it also reads"},
    "writes": {"type": "array", "items": {"type": "string"}},
}
_LOCAL: Schema = {
    "path": {"description": f"read: file, list, glob {_REF}. grep, glob: where"},
    "offset": {"description": "first line (read); skip results (grep)"},
    "limit": {"description": "lines"},
    "pattern": {"description": f"grep: regex, glob: file pattern; one, a list {_REF}"},
    "glob": {"description": "grep: file filter"},
    "type": {"description": "grep: file type (py, js …)"},
    "mode": {"enum": ["content", "files", "count"]},
    "before": {"type": "integer"},
    "after": {"type": "integer"},
    "context": {"type": "integer"},
    "ignore_case": {"type": "boolean"},
    "multiline": {"type": "boolean"},
    "fixed": {"type": "boolean"},
    "head_limit": {"type": "integer", "description": "0 = all"},
    "hidden": {"type": "boolean", "description": "default true"},
    "no_ignore": {"type": "boolean"},
}
_REMOTE: Schema = {
    "command": {"type": "string", "description": "bash; no references inside, use args"},
    "args": {"description": f"$1, $2 …: list of values {_REF}"},
    "stdin": {"description": f"text {_REF}"},
    "cwd": {"description": "folder"},
    "env": {"type": "object"},
    "shell": {"type": "string"},
    "idempotent": {"type": "boolean", "description": "may be retried and re-run"},
    "url": {"description": f"fetch: one, a list {_REF}"},
    "format": {"enum": ["markdown", "text", "raw"]},
    "max_bytes": {"type": "integer"},
    "headers": {"type": "object"},
}
_OPTIONS: Schema = {
    "max_tokens": {"type": "integer", "description": "of the whole answer (default 12500)"},
    "max_parallel": {"type": "integer"},
    "deadline_s": {"type": "number"},
    "verify": {"enum": ["off", "sample", "full"], "description": "re-run steps alone to measure the gain"},
    "on_error": {"enum": ["continue", "stop"]},
    "dry_run": {"type": "boolean", "description": "only the plan"},
    "format": {"enum": ["text", "json"]},
    "force": {"type": "boolean", "description": "run above 95 % context"},
    "context": {"type": "object", "description": "{percent}: how full your window is, if you know"},
}


def _object(properties: Schema, required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _steps(ops: list[str], properties: Schema) -> Schema:
    step = _object({"op": {"enum": ops}, **properties, **_STEP_COMMON}, ["op"])
    return {"type": "array", "items": step, "minItems": 1}


_INSPECT = """\
Run several read, grep and glob steps side by side in one call. Local and read-only. \
Worth it from about three steps on, or when steps feed each other, e.g. \
{"steps":[{"id":"hits","op":"grep","pattern":"def main","mode":"files"},\
{"op":"read","path":{"from":"hits","field":"paths","each":true},"limit":40}]}. \
For one file or one search use your own tool. \
Fields for references: grep, glob: paths, matches, count; read: text, lines. \
`each` makes one sub-step per item (at most max_items, default 20). Bodies look like your own Read and Grep."""

_BATCH = """\
Run any steps side by side in one call: read, grep, glob, bash, fetch. \
Steps that touch the same files are put in order; the rest runs in parallel; a failure never stops its neighbours. \
Fields for references, besides those of inspect: bash: stdout, stderr, exit_code, lines; fetch: text, lines, links. \
Commands run in bash, each alone, with no terminal, and end with everything they started. \
A command whose effects are not known is ordered by `needs` only (`unknown: "barrier"` to isolate it). \
`resume` with a run id instead of steps runs what a broken run never started."""

_STATUS = """\
Runs in flight, limits and how full they are, the machine's pressure, your context level, the last runs. \
With `run`: that run's steps."""

_HANDOFF = """\
Hand a conversation over before its context is full: `write` keeps what is done, in flight, not started and why; \
`list` names what is there; `load` (with id) in a new conversation tells what changed on disk and the next calls."""

_VERIFY = """\
What running in parallel gained, measured: runs steps of a stored run again one at a time (only those that may be \
repeated) and compares time, resources and results. `run` with mode sample or full; `runs` or `streams` (one agent's \
results each) compares the same work; `measured` judges numbers of your own."""

_PLAN = """\
Plan work for several agents: order from needs and from the files each task reads and writes, orchestrators of at \
most 4 targets, a schedule without barriers, nobody writing what another does. `launch` holds ready inputs for the \
Agent tool: send all of them in ONE message. Worth it from about three tasks on. One task is one agent: join small \
jobs that read the same files into one task."""

_CHECKPOINT = """\
Go on with a plan: say which tasks ended; declared outputs are checked, failures launched again (then alone, then \
their dependents are skipped), and `launch` holds who starts now. Needs the plan's id alone, in any conversation."""

_TASK: Schema = {
    "id": {"type": "string"},
    "title": {"type": "string"},
    "prompt": {"type": "string", "description": "the objective; inputs, ownership and report form are added"},
    "needs": {"type": "array", "items": {"type": "string"}},
    "reads": {"type": "array", "items": {"type": "string"}, "description": "paths/globs"},
    "writes": {"type": "array", "items": {"type": "string"}, "description": "paths/globs it owns"},
    "minutes": {"type": "number"},
    "tokens": {"type": "integer"},
    "agent": {"type": "string", "description": "subagent_type"},
    "acceptance": {"type": "string", "description": "when it is done"},
}
_FINISHED: Schema = {
    "task": {"type": "string"},
    "state": {"enum": ["ok", "failed"]},
    "summary": {"type": "string"},
    "minutes": {"type": "number", "description": "really taken"},
    "tokens": {"type": "integer"},
    "outputs": {"type": "array", "items": {"type": "string"}},
}

_ANSWER = {"anthropic/maxResultSizeChars": 500_000}
_CORE = {**_ANSWER, "anthropic/alwaysLoad": True}

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="inspect",
        title="Inspect: many reads and searches at once",
        description=_INSPECT,
        input_schema=_object({"steps": _steps(["read", "grep", "glob"], _LOCAL), **_OPTIONS}, ["steps"]),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
        _meta=_CORE,
    ),
    Tool(
        name="batch",
        title="Batch: any steps at once",
        description=_BATCH,
        input_schema=_object(
            {
                "steps": _steps(["read", "grep", "glob", "bash", "fetch"], {**_LOCAL, **_REMOTE}),
                **_OPTIONS,
                "unknown": {"enum": ["parallel", "barrier"]},
                "resume": {"type": "string"},
                "retry_unknown": {"type": "boolean"},
            },
            [],
        ),
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True),
        _meta=_CORE,
    ),
    Tool(
        name="plan",
        title="Plan: a deployment of agents",
        description=_PLAN,
        input_schema=_object(
            {
                "goal": {"type": "string"},
                "tasks": {"type": "array", "items": _object(_TASK, []), "minItems": 1},
                "max_agents": {"type": "integer", "description": "default 8"},
                "fanout": {"type": "integer", "maximum": 4},
                "shared": {
                    "enum": ["sequence", "isolate"],
                    "description": "writers of one place: wait, or split / git worktree where waiting is dear",
                },
                "format": {"enum": ["text", "json"]},
                "force": {"type": "boolean"},
                "context": {"type": "object"},
            },
            ["tasks"],
        ),
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        _meta=_CORE,
    ),
    Tool(
        name="checkpoint",
        title="Checkpoint: the plan's next step",
        description=_CHECKPOINT,
        input_schema=_object(
            {
                "plan": {"type": "string"},
                "finished": {"type": "array", "items": _object(_FINISHED, ["task", "state"])},
                "reissue": {"type": "boolean", "description": "give what is in flight again"},
                "context": {"type": "object"},
                "format": {"enum": ["text", "json"]},
            },
            ["plan"],
        ),
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        _meta={**_ANSWER, "anthropic/searchHint": "agents finished, next wave, subagent results, plan progress"},
    ),
    Tool(
        name="handoff",
        title="Handoff: leave and take up work",
        description=_HANDOFF,
        input_schema=_object({"action": {"enum": ["write", "list", "load"]}, "id": {"type": "string"}}, ["action"]),
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        _meta={"anthropic/searchHint": "context full, continue in a new conversation, resume unfinished work"},
    ),
    Tool(
        name="verify",
        title="Verify: what parallel gained",
        description=_VERIFY,
        input_schema=_object(
            {
                "run": {"type": "string"},
                "mode": {"enum": ["sample", "full"]},
                "budget_s": {"type": "number"},
                "runs": {"type": "array", "items": {"type": "string"}},
                "streams": {"type": "array", "description": "[{name, results: {piece: value}, seconds}]"},
                "measured": {
                    "type": "object",
                    "description": "sequential_s, parallel_s, sequential_results, parallel_results: lists",
                },
            },
            [],
        ),
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
        _meta={**_ANSWER, "anthropic/searchHint": "speed-up, measured gain, degradation, compare agents' results"},
    ),
    Tool(
        name="status",
        title="Status: runs, limits, pressure, context",
        description=_STATUS,
        input_schema=_object({"run": {"type": "string"}, "limit": {"type": "integer"}}, []),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
        _meta={
            **_ANSWER,
            "anthropic/searchHint": "running batches, limits, machine load, context percentage, history",
        },
    ),
)
