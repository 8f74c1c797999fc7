"""A vendor that takes everything at once and remembers when. Run as a process of its own; it prints its port.

POST anything: kept, with the moment of its arrival. GET: all that was kept, as JSON. Needs nothing but Python.
"""

import asyncio
import json
import sys
import time
from asyncio import StreamReader, StreamWriter

received: list[tuple[float, str]] = []


async def answer(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer what comes over one connection, until it is closed."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next((int(line.partition(":")[2]) for line in head if line.startswith("content-length:")), 0)
            body = await reader.readexactly(length)
            said = b"Accepted"
            if head[0].startswith("get"):
                said = json.dumps(received).encode()
            else:
                received.append((time.monotonic(), body.decode()))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
    except (OSError, EOFError):
        writer.close()


async def main() -> None:
    """Listen on a free port, until this process is ended."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
