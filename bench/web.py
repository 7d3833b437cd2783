"""A web server on loopback that answers `/DELAY_MS/NAME` after a delay, and `/html/FILE` from a folder, at once."""

import asyncio
import sys
from pathlib import Path

_WORDS = b"<p>some words of text in a paragraph</p>" * 40
_FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else None


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            path = line.split()[1].decode("ascii")
            while (await reader.readline()).strip():
                pass
            _, kind, name = path.split("/", 2)
            if kind == "html":
                _answer(writer, b"text/html; charset=utf-8", _pages()[name])
            else:
                await asyncio.sleep(int(kind) / 1000)
                _answer(
                    writer, b"text/plain", b"<html><body><h1>Page %s</h1>%s</body></html>" % (path.encode(), _WORDS)
                )
            await writer.drain()
    except (ConnectionError, ValueError, IndexError, KeyError):
        pass
    finally:
        writer.close()


def _answer(writer: asyncio.StreamWriter, kind: bytes, body: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)) + body)


_READ: dict[str, bytes] = {}


def _pages() -> dict[str, bytes]:
    if not _READ and _FOLDER is not None:
        _READ.update({path.name: path.read_bytes() for path in _FOLDER.iterdir()})
    return _READ


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
