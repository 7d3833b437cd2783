"""Serving over HTTP: binds, says how to register, and serves until a signal comes."""

import logging
import os
import shlex
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from fourfold_config.settings import Http, load_settings
from fourfold_server.app import build
from fourfold_server.doctor import http_registration
from fourfold_server.http.access import Access
from fourfold_server.http.address import Address, listen
from fourfold_server.http.connection import bounded
from fourfold_server.http.gate import Gate
from fourfold_server.http.token import Token, settled_token
from fourfold_server.log_form import log_to_stderr
from fourfold_tools.runtime import user_settings_file

_log = logging.getLogger("fourfold.http")
_TOKEN_VARIABLE = "FOURFOLD_HTTP__TOKEN"


async def serve_http(address: Address) -> int:
    """Serve until SIGINT or SIGTERM; the exit code.

    Raises:
        BadAddress, SettingsError: it cannot listen there, or a setting cannot be used.
    """
    told = load_settings(project=Path.cwd(), user_file=user_settings_file(os.environ))
    settings = told.http
    log_to_stderr(told.log)
    token, made = settled_token(settings.token)
    listening, address = listen(address, settings.max_connections)
    names = address.names(settings.hosts)
    gate = Gate(
        build(shared=True).streamable_http_app(
            max_request_body_size=settings.max_body_bytes,
            session_idle_timeout=settings.session_idle_s,
            max_sessions=settings.max_sessions,
            transport_security=_sdk_checks(names, settings.origins),
        ),
        Access(names, frozenset(settings.origins), Token(token)),
        max_body_bytes=settings.max_body_bytes,
        body_s=settings.body_s,
    )
    server = _Server(_config(gate, settings))
    _announce(address, token if made else None, as_log=told.log.json_lines)
    ended_by: list[signal.Signals] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_signal, server, gate, ended_by)
        await server.serve(sockets=[listening])
        tasks.cancel_scope.cancel()
    return 130 if ended_by[:1] == [signal.SIGINT] else 0


def _sdk_checks(names: frozenset[str], origins: tuple[str, ...]) -> TransportSecuritySettings:
    """The SDK's own checks behind the gate's, said for every host: beside loopback it would make none by itself."""
    hosts = sorted([*names, *(f"{name}:*" for name in names)])
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[*(f"http://{host}" for host in hosts), *origins],
    )


def _config(gate: Gate, settings: Http) -> uvicorn.Config:
    return uvicorn.Config(
        gate,
        http=bounded(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # whoever calls may write such headers
        server_header=False,
        timeout_keep_alive=settings.idle_s,
        timeout_graceful_shutdown=settings.close_s,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, without its own hold on signals."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _end_on_signal(server: uvicorn.Server, gate: Gate, ended_by: list[signal.Signals]) -> None:
    """The first signal cancels what runs and lets it be written down; the second waits for nothing."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for caught in signals:
            server.force_exit = bool(ended_by)
            ended_by.append(caught)
            server.should_exit = True
            gate.close()


def _announce(address: Address, made_token: str | None, *, as_log: bool) -> None:
    """Say on stderr where it listens and how Claude Code finds it; a token is shown only where it was made here."""
    lines = [f"fourfold: listening on {address.url}"]
    if not address.loopback:
        lines.append("fourfold: other machines can reach it, and nothing encrypts what they send, the token included")
    if made_token is not None:
        lines += [
            f"fourfold: no token is set ({_TOKEN_VARIABLE}), so one was made; it holds until this server ends",
            f"    export {_TOKEN_VARIABLE}={made_token}",
        ]
    lines.append("fourfold: to register it, where that variable is set:")
    lines.append(f"    {shlex.join(http_registration(address.url))}")
    for line in lines:
        if as_log:  # whoever reads it as JSON reads nothing else
            _log.warning("%s", line.removeprefix("fourfold: ").strip())
        else:
            print(line, file=sys.stderr, flush=True)
