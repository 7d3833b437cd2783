"""The wire on the event loop says, byte for byte, what the same server says through the SDK's own transport."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from mcp_client import LEGACY, MODERN, SERVE, Place

_OVER_SDK = """
import fourfold_server.app as app
from fourfold_server.serving import serve
from mcp.server.stdio import stdio_server
app.stdio = stdio_server
serve()
"""
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_CALLS = st.one_of(
    st.sampled_from([("tools/list", {}), ("prompts/list", {}), ("resources/templates/list", {}), ("ping", {})]),
    st.tuples(_TEXT.map(lambda text: f"x/{text}"), st.just({})),
    st.builds(
        lambda tool, steps: ("tools/call", {"name": tool, "arguments": {"steps": steps}}),
        st.sampled_from(["inspect", "plan", "no such tool"]),
        _JSON,
    ),
    st.builds(lambda text: ("resources/read", {"uri": f"fourfold://runs/{text}"}), _TEXT),
)
_IDS = st.lists(st.integers(100, 2**40) | st.text("abcd-ü", min_size=1, max_size=9), max_size=6, unique=True)


class _Server:
    """A server and its standard streams, as bytes."""

    def __init__(self, stack: ExitStack, argv: list[str], place: Place) -> None:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=place.root,
                env=place.env(),
            )
        )
        stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def say(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._stdin.write(piece)
            self._stdin.flush()

    def replies(self, count: int) -> dict[Any, bytes]:
        """The next lines by the request they answer: what runs side by side may end in any order."""
        lines = [self._stdout.readline() for _ in range(count)]
        return {json.loads(line)["id"]: line for line in lines}


@pytest.fixture(scope="module", params=[LEGACY, MODERN])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ...]]:
    """Both servers, connected, and what every request says of the era."""
    place = Place.below(tmp_path_factory.mktemp("parity"))
    with ExitStack() as stack:
        both = _Server(stack, SERVE, place), _Server(stack, ["-I", "-c", _OVER_SDK], place)
        if request.param == LEGACY:
            client = {"name": "wire", "version": "1"}
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
            hello = _line({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
            for server in both:
                server.say([hello, _line({"jsonrpc": "2.0", "method": "notifications/initialized"})])
            first, second = (server.replies(1) for server in both)
            assert first == second
            yield *both, {}
        else:
            meta = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            yield *both, {"_meta": meta}


@bounds(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ids=_IDS, data=st.data())
def test_replies_are_those_of_the_sdks_transport_however_the_bytes_arrive(
    servers: tuple[_Server, _Server, dict[str, Any]], ids: list[int | str], data: st.DataObject
) -> None:
    ours, sdks, era = servers
    text = b""
    for number in ids:
        method, params = data.draw(_CALLS)
        escaped = data.draw(st.booleans())
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, **era}}
        text += _line(message, escaped=escaped)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    for server in (ours, sdks):
        server.say(pieces)
    assert ours.replies(len(ids)) == sdks.replies(len(ids))


def _line(message: dict[str, Any], *, escaped: bool = True) -> bytes:
    return json.dumps(message, ensure_ascii=escaped).encode() + b"\n"
