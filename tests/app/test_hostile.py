"""Hostile requests against a real server process: each is refused, or stored and parked with a reason.

None may be answered 5xx, cost more than 100 ms of processor time, end a process, or stand in the way of good ones.
"""

import gzip
import http.client
import json
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.runtime import Runtime
from tests.conftest import KEY, new_database, settings
from tests.feeding import PORTAL, drain, hubspot, hubspot_v3, klaviyo, rows
from tests.process.hub import BATON
from tests.servers import free_port

pytestmark = pytest.mark.process

MIB = 1 << 20
CPU_SECONDS = 0.1
HOST = "Host: hub.example.com\r\n"
FLOW = {"X-Baton-Secret": "flow-secret"}


# --- the server


@dataclass
class Web:
    """A web server in processes of its own, as `baton web` starts it, and a runtime on the same database."""

    runtime: Runtime
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    workers: set[int] = field(default_factory=set)

    def children(self) -> set[int]:
        """The processes that answer."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in listed.split()}

    def cpu(self) -> float:
        """Seconds of processor time that they have used."""
        ticks = 0
        for pid in self.workers:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def send(self, *pieces: bytes, hang_up: bool = False) -> "Answer":
        """Send bytes as they are, piece by piece, and read what comes; ``hang_up`` ends our side first."""
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as line:
            try:
                for number, piece in enumerate(pieces):
                    time.sleep(0.02 if number else 0)
                    line.sendall(piece)
                if hang_up:
                    line.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it answered and closed before it had read all
            return Answer.read(line)

    def post(self, path: str, body: bytes, kind: str = "application/json", **headers: str) -> "Answer":
        """An ordinary POST."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\n{HOST}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        return self.send(head.encode("latin-1") + body)

    def signed(self, body: bytes) -> "Answer":
        """A POST with HubSpot's signature."""
        url = f"{self.runtime.settings.public_url}/webhooks/hubspot"
        return self.post("/webhooks/hubspot", body, **hubspot_v3(body, url, self.runtime.clock()))


@dataclass
class Answer:
    """What came back. Status 0: the connection was closed without an answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @classmethod
    def read(cls, line: socket.socket) -> "Answer":
        answer = http.client.HTTPResponse(line)
        try:
            answer.begin()
            return cls(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
        except (OSError, http.client.HTTPException):
            return cls(0, b"", {})


def start(url: str, folder: Path, **more: str) -> Web:
    """A server on a database, with a HubSpot and a Klaviyo connection."""
    from app.runtime import now_utc

    port = free_port()
    runtime = Runtime(settings(url, folder, **more), now_utc, pool_size=4)
    hubspot(runtime)
    klaviyo(runtime)
    env = {
        **os.environ,
        "BATON_HOME": str(folder),
        "BATON_PORT": str(port),
        "DATABASE_URL": url.replace("+psycopg", ""),
        "BATON_SECRET_KEY": KEY,
        "BATON_PUBLIC_URL": runtime.settings.public_url,
        **more,
    }
    log = folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen([str(BATON), "web"], env=env, stdout=output, stderr=output)
    web = Web(runtime, port, process, log)
    for _ in range(200):
        try:
            if web.send(f"GET /readyz HTTP/1.1\r\n{HOST}\r\n".encode()).status == 200:
                break
        except OSError:
            time.sleep(0.05)
    web.workers = web.children()
    for _ in range(20):  # what is imported and compiled on first use is no request's fault
        web.post("/forms/warm", b"email=warm%40example.com", "application/x-www-form-urlencoded")
        web.post("/track", b'{"anonymous_id":"warm-visitor-0001","url":"https://www.example.com/"}')
        web.signed(b"[]")
        web.post("/webhooks/klaviyo", b"{}", **FLOW)
    return web


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("hostile")
    made = start(new_database(request, request.param, folder), folder)
    yield made
    made.process.terminate()
    made.process.wait(20)
    made.runtime.close()


# --- the corpus


def many_keys(size: int) -> bytes:
    """An object with as many keys as fit."""
    return b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(size // 14)) + b"}"


def notice(**more: object) -> bytes:
    """A HubSpot notice with something in it that is not as it should be."""
    usual = {
        "eventId": 1,
        "portalId": int(PORTAL),
        "occurredAt": 1_790_000_000_000,
        "subscriptionType": "contact.propertyChange",
        "objectId": 4711,
        "propertyName": "firstname",
        "propertyValue": "Ann",
    }
    return json.dumps([usual | more]).encode()


def notice_with(value: bytes) -> bytes:
    """A HubSpot notice with raw bytes where its property's value should be."""
    return notice(propertyValue="@@").replace(b'"@@"', value)


JSON = {
    "a million open brackets": b"[" * 1_000_000,
    "a million levels, closed": b"[" * 500_000 + b"]" * 500_000,
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "10 MB of keys": many_keys(10 * MIB),
    "1 MB of keys": many_keys(MIB - 100),
    "the same key a hundred thousand times": b"{" + b'"a":1,' * 100_000 + b'"a":1}',
    "a number of a million digits": b"1" * 1_000_000,
    "a negative number of 5,000 digits": b"[-" + b"9" * 5_000 + b"]",
    "NaN": b"[NaN]",
    "Infinity": b'{"a":-Infinity}',
    "1e999": b'[{"objectId":1e999}]',
    "1e308": notice_with(b"1e308"),
    "an integer over 64 bits": notice_with(b"9223372036854775808"),
    "an integer of 64 bits": notice_with(b"9223372036854775807"),
    "NUL, escaped": notice_with(b'"a\\u0000b"'),
    "NUL, raw": notice_with(b'"a\x00b"'),
    "a lone surrogate": notice_with(b'"\\ud800"'),
    "a surrogate in UTF-8": notice_with(b'"\xed\xa0\x80"'),
    "bytes that are no UTF-8": notice_with(b'"\xff\xfe"'),
    "overlong UTF-8": notice_with(b'"\xc0\xaf"'),
    "UTF-16": notice().decode().encode("utf-16"),
    "UTF-32": notice().decode().encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + notice(eventId=2),
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf" + notice(),
    "duplicate keys": b'[{"objectId":1,"objectId":2}]',
    "two documents": notice() + notice(),
    "broken off in the middle": notice()[:-9],
    "nothing": b"",
    "white space": b" \r\n\t" * 1_000,
    "a bare text": b'"hello"',
    "a bare number": b"7",
    "null": b"null",
    "an empty list": b"[]",
    "a list of lists": b"[[[]],[[]]]",
    "a list of nulls": b"[" + b"null," * 9_000 + b"null]",
    "prototype pollution": b'{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"email":"p@example.com"}',
    "a text of a million characters": notice_with(b'"' + b"a" * 1_000_000 + b'"'),
    "a text of a million backslashes": b'["' + b"\\\\" * 500_000 + b'"]',
    "a million quotes": b'"' * 1_000_000,
    "marks piled on a letter": notice_with(json.dumps("a" + "\u0301\u0316" * 100_000).encode()),
    "a letter that normalises to 18": notice_with(json.dumps("\ufdfa" * 50_000).encode()),
    "right to left and invisible": notice_with(json.dumps("\u202eevil\u202c\u200b\u2066\ufeff").encode()),
    "fullwidth @ and dots": b'{"email":"ann\xef\xbc\xa0example\xe3\x80\x82com"}',
    "a Kelvin sign in an address": '{"email":"\u212aim@example.com"}'.encode(),
    "an address of 10,000 characters": b'{"email":"' + b"a" * 10_000 + b'@example.com"}',
    "an address full of dots": b'{"email":"' + b"a." * 20_000 + b'@example.com"}',
    "an address with a hundred labels": b'{"email":"a@' + b"a." * 1_000 + b'com"}',
    "a thousand addresses": json.dumps({f"email{n}": f"a{n}@example.com" for n in range(1_000)}).encode(),
    "a phone of 100,000 digits": b'{"email":"a@example.com","phone":"+' + b"1" * 100_000 + b'"}',
    "HTML and a formula": b'{"email":"x@example.com","name":"<script>alert(1)</script>","company":"=cmd|\'/C x\'!A0"}',
    "a template": b'{"email":"{{7*7}}@example.com","name":"${jndi:ldap://127.0.0.1/a}{% for x in y %}"}',
    "SQL": b'{"email":"a\' OR 1=1;--@example.com","name":"Robert\'); DROP TABLE contacts;--"}',
    "a batch of 1,001 notices": b"[" + b",".join([notice()[1:-1]] * 1_001) + b"]",
    "20,000 notices of nothing": b"[" + b",".join([b'{"subscriptionType":"a.b"}'] * 20_000) + b"]",
    "an objectId that is a list": notice(objectId=[1, 2]),
    "an objectId that is a fraction": notice(objectId=1.5),
    "an objectId that is huge": notice(objectId=2**62),
    "an objectId that is negative": notice(objectId=-1),
    "an objectId that is a text of 10,000": notice(objectId="x" * 10_000),
    "an objectId of control characters": notice(objectId="\x01\x02\n\r\t\x7f"),
    "occurredAt in the year 1": notice(occurredAt="0001-01-01T00:00:00+14:00"),
    "occurredAt in the year 9999": notice(occurredAt="9999-12-31T23:59:59-14:00"),
    "occurredAt beyond all time": notice(occurredAt=2**62),
    "occurredAt before all time": notice(occurredAt=-(2**62)),
    "a thousand merged contacts": notice(subscriptionType="contact.merge", mergedObjectIds=list(range(1_000))),
    "a property named __proto__": notice(propertyName="__proto__"),
    "a property named with dots and quotes": notice(propertyName="a.b['c'].\"d\""),
}  # fmt: skip

KLAVIYO = {
    "an event that is a list": {"data": [[1]]},
    "a topic of 10,000 characters": {"data": [{"topic": "event:custom." + "x" * 10_000, "external_id": "1"}]},
    "a profile of 10,000 characters": {"p": "x" * 10_000},
    "a timestamp in the year 1": {"timestamp": "0001-01-01T00:00:00+14:00"},
    "a timestamp in the year 9999": {"timestamp": "9999-12-31T23:59:59-14:00"},
    "a timestamp that is a fraction of nothing": {"timestamp": 1e308},
    "a timestamp that is negative": {"timestamp": -(2**53)},
    "a timestamp that is an object": {"timestamp": {"$date": 1}},
}


def klaviyo_events(count: int, **more: object) -> bytes:
    """A system webhook of many events."""
    made = []
    for number in range(count):
        attributes = {"timestamp": more.get("timestamp", 1_790_000_000), "event_properties": {"Subject": "Hello"}}
        profile = {"data": {"type": "profile", "id": more.get("p", f"01H{number % 100}")}}
        data = {"type": "event", "id": f"e{number}", "attributes": attributes, "relationships": {"profile": profile}}
        made.append({"topic": "event:klaviyo.opened_email", "external_id": f"x{number}", "payload": {"data": data}})
    return json.dumps({"data": made, "meta": {}}).encode()


def multipart(parts: int, boundary: str = "b", name: str = "f") -> bytes:
    """A form of many parts."""
    one = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n'
    return (one * parts + f"--{boundary}--\r\n").encode()


URLENCODED = "application/x-www-form-urlencoded"
NESTED = (
    b'--a\r\nContent-Disposition: form-data; name="x"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
    b'--b\r\nContent-Disposition: form-data; name="y"\r\n\r\n1\r\n--b--\r\n--a--\r\n'
)
FORMS = {
    "10,000 parts": ("multipart/form-data; boundary=b", multipart(10_000)),
    "100,000 parts": ("multipart/form-data; boundary=b", multipart(100_000)),
    "100,000 boundaries and nothing else": ("multipart/form-data; boundary=b", b"--b\r\n" * 100_000),
    "a boundary of 70,000 characters": (f"multipart/form-data; boundary={'b' * 70_000}", multipart(1, "b" * 70_000)),
    "a boundary of one space": ('multipart/form-data; boundary=" "', multipart(3, " ")),
    "no boundary": ("multipart/form-data", multipart(3)),
    "another boundary": ("multipart/form-data; boundary=c", multipart(3)),
    "multipart in multipart": ("multipart/form-data; boundary=a", NESTED),
    "a part's headers of 500 kB": ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 500_000),
    "a part's name of 100 kB": ("multipart/form-data; boundary=b", multipart(1, "b", "n" * 100_000)),
    "a part's name of escapes": ("multipart/form-data; boundary=b", multipart(1, "b", '\\"' * 50_000)),
    "an unending part": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="e"\r\n\r\n'),
    "100,000 fields": (URLENCODED, b"&".join(b"a%d=1" % number for number in range(100_000))),
    "a million ampersands": (URLENCODED, b"&" * 1_000_000),
    "a million equals signs": (URLENCODED, b"=" * 1_000_000),
    "300,000 escapes": (URLENCODED, b"email=" + b"%41" * 300_000),
    "broken escapes": (URLENCODED, b"email=%zz%4&%=%&name=%"),
    "NUL in a field": (URLENCODED, b"email=a%00b@example.com"),
    "NUL in a name": (URLENCODED, b"em%00ail=a@example.com"),
    "brackets a hundred deep": (URLENCODED, b"a" + b"[b]" * 100 + b"=1"),
    "brackets that fight": (URLENCODED, b"a=1&a[b]=2&a[][c]=3&a[=4&]=5&[x]=6"),
    "names of objects": (URLENCODED, b"__proto__[x]=1&constructor[prototype][y]=2&email=a%40example.com"),
    "the address a thousand times": (URLENCODED, b"&".join([b"email=a%40example.com"] * 499)),
    "a charset that is code": (f"{URLENCODED}; charset=unicode_escape", b"email=\\x61@example.com"),
    "a charset that is a bomb": (f"{URLENCODED}; charset=zip", b"email=a@example.com"),
    "a content type of 60 kB": ("text/" + "x" * 60_000, b"email=a@example.com"),
    "a content type that is none": ("\\\\//;;==", b"email=a@example.com"),
    "plain text of a million lines": ("text/plain", b"a=1\r\n" * 200_000),
    "XML with entities": ("application/xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'),
    "gzip that does not say so": ("application/json", gzip.compress(b"[" + b" " * 10_000_000 + b"]")),
    "marks piled on a letter": (URLENCODED, b"email=a%40example.com&name=a" + b"%CC%81" * 20_000),
    "a JSON form with packed JSON": ("application/json", b'{"rawRequest":"' + b"[" * 900_000 + b'"}'),
}

OK = (202, 400, 401, 403, 404, 405, 411, 413, 414, 415, 431)


@pytest.fixture
def cheap(web: Web) -> Iterator[None]:
    """What a test sends costs little, and nobody dies of it."""
    before = web.cpu()
    yield
    spent = web.cpu() - before
    assert web.children() == web.workers, "a worker died"
    assert spent <= CPU_SECONDS, f"{spent:.2f} s of processor time"


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("body", JSON.values(), ids=JSON)
@pytest.mark.parametrize("door", ["webhooks", "flow", "forms", "track"])
def test_hostile_json_is_refused_or_parked(web: Web, door: str, body: bytes) -> None:
    answer = {
        "webhooks": lambda: web.signed(body),
        "flow": lambda: web.post("/webhooks/klaviyo", body, **FLOW),
        "forms": lambda: web.post("/forms/hostile", body),
        "track": lambda: web.post("/track", body),
    }[door]()
    assert answer.status in OK


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(("kind", "body"), FORMS.values(), ids=FORMS)
def test_hostile_forms_are_refused_or_parked(web: Web, kind: str, body: bytes) -> None:
    assert web.post("/forms/hostile", body, kind).status in OK


def test_what_was_let_in_is_folded_or_parked_with_a_reason(web: Web) -> None:
    answers = Counter(web.signed(body).status for body in JSON.values())
    answers.update(web.post("/forms/hostile", body, kind).status for kind, body in FORMS.values())
    assert answers[202] > 30
    drain(web.runtime)
    kept = rows(web.runtime, "inbox", "status", "reason")
    assert {row.status for row in kept} == {"done", "parked"}
    assert all(row.reason for row in kept if row.status == "parked")
