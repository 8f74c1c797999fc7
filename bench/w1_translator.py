"""Stands before the W1 harness's stub: takes Baton's requests, hands them on in the stub's own format, many at once,
and answers when the stub has. Run: python w1_translator.py PORT STUB_URL"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import httptools
import uvloop

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nAccepted"
waiting: "asyncio.Queue[tuple[Front, list[dict]]]" = asyncio.Queue()


class Front(asyncio.Protocol):
    """One connection from Baton."""

    def connection_made(self, transport):
        self.transport, self.parser, self.body = transport, httptools.HttpRequestParser(self), []

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_body(self, body):
        self.body.append(body)

    def on_message_complete(self):
        actions = [
            {
                "eventId": int(said["data"]["event"]),
                "contactId": said["contact"]["id"],
                "action": said["name"],
                "score": 0,
            }
            for said in json.loads(b"".join(self.body))
        ]
        self.body = []
        waiting.put_nowait((self, actions))


async def hand_on(url):
    """Post what waits, all of it at a time, over one connection."""
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    while True:
        batch = [await waiting.get()]
        while not waiting.empty():
            batch.append(waiting.get_nowait())
        body = json.dumps([action for _, actions in batch for action in actions]).encode()
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: stub\r\nContent-Length: %d\r\n\r\n" % (url.path.encode(), len(body)) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        for front, _ in batch:
            front.transport.write(OK)


async def main():
    server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await asyncio.gather(server.serve_forever(), hand_on(urlsplit(sys.argv[2])))


uvloop.run(main())
