"""A proxy between the conformance suite and a server: it shows the token, and calls what the server really has.

The suite cannot send headers, and it asks its own reference server's tools, prompts and resources by name. Names are
exchanged for ours on the way in; what comes back passes as it is, byte by byte.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

Params = dict[str, Any]
_HEAD_END = b"\r\n\r\n"
_OURS = re.compile(rb"\r\n(?:connection|content-length):[^\r]*", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NAME = re.compile(rb"(\r\nmcp-name: *)[^\r]*", re.IGNORECASE)


@contextmanager
def conformance_proxy(port: int, token: str, exchange: Callable[[str, Params], Params]) -> Generator[str, None, None]:
    """The URL under which the server on `port` is reached; each connection carries one request.

    exchange: the params of a request's method, as the server is to get them.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        carry = _Carrier(port, token, exchange).carry
        threading.Thread(target=_accept, args=(listening, carry), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"


def _accept(listening: socket.socket, carry: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=carry, args=(client,), daemon=True).start()


class _Carrier:
    def __init__(self, port: int, token: str, exchange: Callable[[str, Params], Params]) -> None:
        self._port = port
        self._token = token
        self._exchange = exchange

    def carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server, suppress(OSError, EOFError):
            head, _, body = _read(client, b"", lambda data: _HEAD_END in data).partition(_HEAD_END)
            if length := _LENGTH.search(head):
                body = _read(client, body, lambda data: len(data) >= int(length[1]))
            server.sendall(self._changed(head, body))
            threading.Thread(target=_pipe, args=(client, server), daemon=True).start()
            _pipe(server, client)

    def _changed(self, head: bytes, body: bytes) -> bytes:
        with suppress(ValueError, KeyError, TypeError):
            message = json.loads(body)
            params = self._exchange(message["method"], message["params"])
            if params != message["params"]:
                body = json.dumps({**message, "params": params}).encode()
                head = _renamed(head, params.get("name") or params["uri"])
        added = b"\r\nconnection: close\r\ncontent-length: %d\r\nauthorization: Bearer " % len(body)
        return _OURS.sub(b"", head) + added + self._token.encode() + _HEAD_END + body


def _renamed(head: bytes, name: str) -> bytes:
    """The head with the name in its routing header, where it has one."""
    return _NAME.sub(lambda header: header[1] + name.encode(), head)


def _read(source: socket.socket, data: bytes, enough: Callable[[bytes], bool]) -> bytes:
    while not enough(data):
        block = source.recv(65536)
        if not block:
            raise EOFError
        data += block
    return data


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
