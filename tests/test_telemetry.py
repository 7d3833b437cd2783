"""What an operator sees of a run: spans below the call, and log lines, none of which says what a step was about."""

import json
import logging
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from runtimes import opened, resume, run

from fourfold_server.log_form import JsonLines
from fourfold_tools.batch import batch
from fourfold_tools.model.request import BatchRequest

pytestmark = pytest.mark.anyio

SECRET = "secret-word-of-the-step"
STEPS: list[dict[str, Any]] = [
    {"id": "fine", "op": "bash", "command": f"echo {SECRET}"},
    {"id": "bad", "op": "bash", "command": f"echo {SECRET} >&2; exit 3"},
    {"id": "gone", "op": "read", "path": SECRET},
    {"id": "after", "op": "read", "path": SECRET, "needs": ["bad"]},
]


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The process's provider can be set once; all tests of this file read what it exports."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Generator[pytest.LogCaptureFixture, None, None]:
    with caplog.at_level(logging.INFO, logger="fourfold.run"):
        yield caplog


def by_step(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {str((s.attributes or {}).get("fourfold.step", s.name)): s for s in spans.get_finished_spans()}


def facts(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("fourfold."): value for name, value in (span.attributes or {}).items()}


async def test_a_run_is_a_span_below_the_call_and_each_step_that_started_one_below_it(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with opened(tmp_path) as runtime:
        with trace.get_tracer("test").start_as_current_span("tools/call batch") as call:
            reply = await run(runtime, *STEPS)
    assert reply.structured is not None
    found = by_step(spans)
    assert set(found) == {"tools/call batch", "run", "fine", "bad", "gone"}
    of_run = found["run"]
    assert of_run.parent is not None
    assert of_run.parent.span_id == call.get_span_context().span_id
    assert facts(of_run) == {"run": reply.structured["run"], "state": "done", "steps": 4}
    for name in ("fine", "bad", "gone"):
        span = found[name]
        assert span.parent is not None
        assert of_run.context is not None
        assert span.parent.span_id == of_run.context.span_id
        assert of_run.start_time is not None
        assert of_run.end_time is not None
        assert span.start_time is not None
        assert span.end_time is not None
        assert of_run.start_time <= span.start_time <= span.end_time <= of_run.end_time + 1_000_000
    told = facts(found["bad"])
    assert (told["op"], told["state"], told["code"]) == ("bash", "failed", "exit_status")
    assert told["queue_s"] >= 0
    assert found["bad"].status.status_code is StatusCode.ERROR
    assert found["fine"].status.status_code is StatusCode.UNSET
    assert "code" not in facts(found["fine"])
    assert found["gone"].name == "step read"


async def test_neither_spans_nor_log_say_what_a_step_was_about(
    tmp_path: Path, spans: InMemorySpanExporter, log: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as runtime:
        await run(runtime, *STEPS)
    assert len(spans.get_finished_spans()) == 4
    assert SECRET not in "".join(span.to_json() for span in spans.get_finished_spans())
    assert SECRET not in log.text
    assert not any(SECRET in JsonLines().format(record) for record in log.records)


async def test_a_cancelled_run_is_a_span_all_the_same(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with opened(tmp_path) as runtime:
        steps = [{"id": "long", "op": "bash", "command": "touch begun; exec sleep 1000"}]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(batch, runtime, BatchRequest.model_validate({"steps": steps})))
            with anyio.fail_after(20):
                while not (tmp_path / "work" / "begun").exists():
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    found = by_step(spans)
    assert facts(found["run"])["state"] == "cancelled"
    assert facts(found["long"])["state"] == "cancelled"


async def test_only_what_ran_now_is_a_span(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    """Not what an identical step did already, nor what a resumed run had behind it, on another clock."""
    twins = [{"id": "one", "op": "glob", "pattern": "*"}, {"id": "two", "op": "glob", "pattern": "*"}]
    async with opened(tmp_path) as runtime:
        await run(runtime, *twins)
        assert set(by_step(spans)) == {"run", "one"}
        work = tmp_path / "work"
        steps = [
            {"id": "first", "op": "read", "path": "begun"},
            {"id": "long", "op": "bash", "command": "touch waits; until [ -e go ]; do sleep 0.01; done"},
            {"id": "last", "op": "glob", "pattern": "go", "needs": ["long"]},
        ]
        (work / "begun").touch()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(batch, runtime, BatchRequest.model_validate({"steps": steps})))
            with anyio.fail_after(20):
                while not (work / "waits").exists():
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        [broken] = await runtime.runs.recent(1)
        spans.clear()
        await resume(runtime, broken.id)
    assert set(by_step(spans)) == {"run"}, "the step that was cut off may not run twice, the last one needs it"


async def test_a_span_that_is_not_sampled_costs_no_spans_of_its_steps(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    unsampled = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=True, trace_flags=trace.TraceFlags(0)))
    async with opened(tmp_path) as runtime:
        with trace.use_span(unsampled):
            await run(runtime, *STEPS)
    assert spans.get_finished_spans() == ()


async def test_the_log_follows_a_run_step_by_step_with_ids_as_fields(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as runtime:
        reply = await run(runtime, *STEPS)
    assert reply.structured is not None
    name = reply.structured["run"]
    lines = [json.loads(JsonLines().format(record)) for record in log.records if record.name == "fourfold.run"]
    assert [line["run"] for line in lines] == [name] * 6
    assert lines[0]["message"] == f"run {name} began with 4 steps"
    ends = {line["step"]: line for line in lines[1:-1]}
    assert set(ends) == {"fine", "bad", "gone", "after"}
    assert (ends["bad"]["op"], ends["bad"]["state"], ends["bad"]["code"]) == ("bash", "failed", "exit_status")
    assert ends["bad"]["duration_s"] > 0
    assert ends["after"]["state"] == "skipped"
    assert "duration_s" not in ends["after"]
    assert (lines[-1]["state"], lines[-1]["steps"]) == ("done", 4)
    assert {"time", "level", "logger"} <= set(lines[-1])


def test_a_fault_in_the_log_is_one_line_with_its_traceback_inside() -> None:
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        record = logging.LogRecord("fourfold.server", logging.ERROR, "f", 1, "tool %s broke", ("x",), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == "tool x broke"
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("in two lines")
