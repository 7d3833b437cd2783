"""A proxy that shows the token for clients that cannot send a header; all else passes as it is, byte by byte."""

import re
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_HEAD_END = b"\r\n\r\n"
_CONNECTION = re.compile(rb"\r\nconnection:[^\r]*", re.IGNORECASE)


@contextmanager
def token_proxy(port: int, token: str) -> Generator[str, None, None]:
    """The URL under which the server on `port` is reached with the token; each connection carries one request."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        threading.Thread(target=_accept, args=(listening, port, token), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"


def _accept(listening: socket.socket, port: int, token: str) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_carry, args=(client, port, token), daemon=True).start()


def _carry(client: socket.socket, port: int, token: str) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
        data = b""
        while _HEAD_END not in data:
            block = client.recv(65536)
            if not block:
                return
            data += block
        head, _, rest = data.partition(_HEAD_END)
        added = b"\r\nconnection: close\r\nauthorization: Bearer " + token.encode()
        server.sendall(_CONNECTION.sub(b"", head) + added + _HEAD_END + rest)
        threading.Thread(target=_pipe, args=(client, server), daemon=True).start()
        _pipe(server, client)


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
