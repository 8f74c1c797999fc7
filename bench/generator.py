"""Sends requests over several kept connections, as fast as they are answered or at a fixed rate. Run as a process of
its own, so that what it costs is not counted as Baton's: a job as JSON on its standard input, what happened on its
standard output. Needs nothing but Python.

A job has ``host``, ``port``, ``path``, ``bodies``, ``connections``; ``per_second`` where requests are due at a fixed
rate, whatever has been answered by then; ``secret`` and ``signed_url`` where they are signed as HubSpot signs them.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

TRIES, PAUSE_SECONDS = 20, 0.25


class Sender:
    """Works off a job, and remembers what came of it."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.began = time.monotonic()
        self.due = [0.0] * len(job["bodies"])  # when each request should have left
        self.again = 0  # requests that had to be sent once more
        self.refused: list[str] = []  # what was said to those that were never taken
        self._waiting: Iterator[tuple[int, str]] = iter(enumerate(job["bodies"]))

    async def run(self) -> dict[str, Any]:
        """Send everything."""
        self.began = time.monotonic()
        await asyncio.gather(*(self._connection() for _ in range(self.job["connections"])))
        told = {"began": self.began, "ended": time.monotonic(), "due": self.due}
        return {**told, "again": self.again, "refused": self.refused}

    async def _connection(self) -> None:
        """Take one request after the other from those that wait, over one connection."""
        link = Link(self.job["host"], self.job["port"])
        for number, body in self._waiting:
            if self.job.get("per_second"):
                self.due[number] = self.began + number / self.job["per_second"]
                await asyncio.sleep(max(0.0, self.due[number] - time.monotonic()))
            else:
                self.due[number] = time.monotonic()
            await self._deliver(link, body.encode())
        link.close()

    async def _deliver(self, link: "Link", body: bytes) -> None:
        """Send one request, and again until it is taken, as vendors do."""
        said = ""
        for attempt in range(TRIES):
            if attempt:
                self.again += 1
                await asyncio.sleep(PAUSE_SECONDS)
            said = await link.ask(self._request(body))
            if said.startswith("2"):
                return
        self.refused.append(said)

    def _request(self, body: bytes) -> bytes:
        head = [f"POST {self.job['path']} HTTP/1.1", f"Host: {self.job['host']}:{self.job['port']}"]
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        if self.job.get("secret"):
            signed = signature(self.job["secret"], self.job["signed_url"], body)
            head += [f"{name}: {value}" for name, value in signed.items()]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def signature(secret: str, url: str, body: bytes) -> dict[str, str]:
    """The headers with which HubSpot proves a request, in version 3."""
    stamp = str(int(time.time() * 1000))
    mac = hmac.digest(secret.encode(), b"POST" + url.encode() + body + stamp.encode(), hashlib.sha256)
    return {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": base64.b64encode(mac).decode()}


class Link:
    """One connection, opened anew when it was lost."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str:
        """The status that a request is answered with, or the error that came instead."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address)
            reader, writer = self._streams
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next((int(line.partition(":")[2]) for line in head if line.startswith("content-length:")), 0)
            await reader.readexactly(length)
        except (OSError, EOFError) as error:
            self.close()
            return f"{type(error).__name__}: {error}"
        if "connection: close" in head:
            self.close()
        return head[0].split()[1]

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def main() -> None:
    """Do the job on standard input."""
    sys.stdout.write(json.dumps(asyncio.run(Sender(json.load(sys.stdin)).run())))


if __name__ == "__main__":
    main()
