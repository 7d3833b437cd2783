"""A web server on loopback that answers after a delay, in a process of its own."""

import asyncio
import sys

PAGE = (
    b"<html><body><main><h1>Page</h1>" + b"<p>some words of text in a paragraph</p>" * 40 + b"</main></body></html>"
)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            delay_ms = int(line.split()[1].split(b"/")[1] or 0)
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(delay_ms / 1000)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % len(PAGE)
            writer.write(head + PAGE)
            await writer.drain()
    except (ConnectionError, ValueError, IndexError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
