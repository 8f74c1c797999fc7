"""The edge of all outbound calls: what it waits for, what it takes for an answer, and what it keeps.

Catalogue: N3 (Retry-After), N4 (HTML with 200, broken JSON, endless bodies are failures), N5 (request and answer kept).
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from adapters import http
from adapters.contract import BatchRefused, ConnectionRefused, Refused, RetryLater, Unknown
from adapters.guard import ForbiddenTarget
from adapters.http import BadAnswer, Http, HttpError, recording
from adapters.outcomes import outcome_of, retry_after

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
JSON = "Content-Type: application/json"


@pytest.fixture
def edge() -> Http:
    return Http(allow_private=True)


# What counts as an answer ---------------------------------------------------------------------------------------------


def test_json_comes_back_as_data_and_nothing_as_none(peer, edge):
    peer.answers(b'{"id":"1"}', JSON)
    assert edge.call("GET", peer.url, {}) == {"id": "1"}
    peer.answers(b"", status="204 No Content")
    assert edge.call("DELETE", peer.url, {}) is None


def test_call_is_sent_as_json_with_its_query(peer, edge):
    peer.answers(b"{}", JSON)
    edge.call("POST", peer.url + "/x", {"X-Own": "1"}, {"name": "Ännchen"}, {"channel": "A&B", "n": 1})
    (asked,) = peer.heard
    assert asked.startswith(b"POST /x?channel=A%26B&n=1 HTTP/1.1\r\n")
    assert b"X-Own: 1\r\n" in asked
    assert b"Content-Type: application/json" in asked
    assert asked.endswith('\r\n\r\n{"name":"Ännchen"}'.encode())


@pytest.mark.parametrize(
    ("body", "header"),
    [
        pytest.param(b"<html>Maintenance</html>", "Content-Type: text/html", id="a web page"),
        pytest.param(b"Please sign in", "Content-Type: text/html; charset=utf-8", id="a page without a tag"),
        pytest.param(b"\n <!doctype html>", JSON, id="a page that calls itself JSON"),
        pytest.param(b"<?xml version='1.0'?>", "X: y", id="XML that calls itself nothing"),
        pytest.param(b'{"results": [{"id"', JSON, id="half of the JSON"),
        pytest.param(b'{"id": 1} and more', JSON, id="JSON and more"),
        pytest.param(b"\xff\xfe{}", JSON, id="JSON that is no UTF-8"),
        pytest.param(b'{"a": NaN}', JSON, id="JSON with what is no number"),
        pytest.param(b"[" * 100_000, JSON, id="JSON without a bottom"),
        pytest.param(b"OK", "Content-Type: text/plain", id="a text, where data was asked for"),
    ],
)
def test_success_that_does_not_look_like_one_is_none(peer, edge, body, header):
    peer.answers(body, header)
    with pytest.raises(BadAnswer, match="answered 200"):
        edge.call("GET", peer.url, {})


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_not_followed(peer, edge, status):
    peer.answers(b"", f"Location: {peer.url}/elsewhere", status=status)
    with pytest.raises(HttpError) as refused:
        edge.call("POST", peer.url, {"Authorization": "Bearer x"}, {})
    assert refused.value.status == int(status[:3])
    assert len(peer.heard) == 1


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "404 None", "429 Slow", "500 Broken", "503 Away"])
def test_error_is_told_once_with_what_was_said(peer, edge, status):
    peer.answers(b'{"message":"no"}', JSON, "Retry-After: 7", status=status)
    with pytest.raises(HttpError) as refused:
        edge.call("GET", peer.url, {})
    assert (refused.value.status, refused.value.body) == (int(status[:3]), '{"message":"no"}')
    assert retry_after(refused.value.headers) == 7
    assert len(peer.heard) == 1, "it was tried again, where only the delivery's row may decide that"


def test_error_page_is_an_error_and_no_bad_answer(peer, edge):
    peer.answers(b"<html>502</html>", "Content-Type: text/html", status="502 Bad Gateway")
    with pytest.raises(HttpError):
        edge.call("GET", peer.url, {})


# Size -----------------------------------------------------------------------------------------------------------------


def test_answer_of_a_megabyte_is_read_and_a_longer_one_is_not(peer, edge):
    peer.answers(b'"' + b"x" * (http.MAX_ANSWER - 2) + b'"', JSON)
    assert len(edge.call("GET", peer.url, {})) == http.MAX_ANSWER - 2
    peer.answers(b'"' + b"x" * http.MAX_ANSWER + b'"', JSON)
    with pytest.raises(BadAnswer, match="longer than 1024 KiB"):
        edge.call("GET", peer.url, {})


def test_compressed_answer_is_measured_unpacked(peer, edge):
    import gzip

    packed = gzip.compress(b'"' + b"x" * (20 * http.MAX_ANSWER) + b'"')
    assert len(packed) < 100_000
    peer.answers(packed, JSON, "Content-Encoding: gzip")
    with pytest.raises(BadAnswer, match="longer than"):
        edge.call("GET", peer.url, {})
    peer.answers(gzip.compress(b'{"id":1}'), JSON, "Content-Encoding: gzip")
    assert edge.call("GET", peer.url, {}) == {"id": 1}


def test_endless_answer_ends(peer, edge):
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not peer.stopping.is_set():
            connection.sendall(b" " * 65_536)

    peer.say = endless
    with pytest.raises(BadAnswer, match="longer than"):
        edge.call("GET", peer.url, {})


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SMTP ready\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", id="less than it promised"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="a head without an end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken pieces"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", id="no end of headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", id="a header without end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", id="not what it says"
        ),
    ],
)
def test_what_is_no_answer_is_a_lost_one(peer, edge, said):
    peer.say = lambda connection: connection.sendall(said)
    with pytest.raises((urllib3.exceptions.HTTPError, BadAnswer)) as lost:
        edge.call("POST", peer.url, {}, {})
    assert isinstance(outcome_of(lost.value), Unknown)


# Time -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """All patience in tenths of a second."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(http, "READ_SECONDS", 0.15)
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.3)


def seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    with pytest.raises((urllib3.exceptions.HTTPError, BadAnswer, OSError)) as failed:
        call()
    assert isinstance(outcome_of(failed.value), Unknown | RetryLater)
    return time.monotonic() - started


def test_silence_ends_after_the_time_to_read(peer, edge, impatient):
    peer.say = lambda connection: peer.stopping.wait(5) and None
    assert 0.1 < seconds(lambda: edge.call("GET", peer.url, {})) < 1


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"", id="from the first byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="in the head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", id="in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="in a body without a length"),
        pytest.param(b"HTTP/1.1 400 Bad\r\n\r\n", id="in an error"),
    ],
)
def test_dripping_answer_ends_after_the_whole_time(peer, edge, impatient, begun):
    """Each byte comes in time, so a timeout between bytes alone would wait for ever. And where the connection is cut,
    what came before must not pass for the whole."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(begun)
        while not peer.stopping.wait(0.03):
            connection.sendall(b"1")

    peer.say = drip
    assert 0.2 < seconds(lambda: edge.call("GET", peer.url, {})) < 1


def test_port_where_nobody_listens_can_be_tried_again(edge):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(urllib3.exceptions.NewConnectionError) as refused:
        edge.call("POST", url, {}, {})
    later = outcome_of(refused.value)
    assert isinstance(later, RetryLater), "nothing was sent, so nothing was done"
    assert "cannot be reached" in later.reason


def test_name_that_does_not_exist_can_be_tried_again(edge, monkeypatch):
    def nowhere(*args: object, **more: object) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(urllib3.exceptions.NewConnectionError) as refused:
        edge.call("GET", "http://api.example.com/", {})
    assert isinstance(outcome_of(refused.value), RetryLater)


def test_host_that_does_not_take_the_connection_can_be_tried_again(edge, monkeypatch, impatient):
    monkeypatch.setattr(http, "connect", _times_out)
    with pytest.raises(urllib3.exceptions.ConnectTimeoutError) as refused:
        edge.call("GET", "http://127.0.0.1:9/", {})
    assert isinstance(outcome_of(refused.value), RetryLater)


def _times_out(*args: object) -> socket.socket:
    raise TimeoutError("timed out")


def test_call_after_one_that_was_cut_is_answered(peer, edge, impatient):
    peer.say = lambda connection: peer.stopping.wait(5) and None
    seconds(lambda: edge.call("GET", peer.url, {}))
    peer.answers(b'{"id":2}', JSON)
    assert edge.call("GET", peer.url, {}) == {"id": 2}


def test_rest_of_an_answer_is_never_read_as_the_next(edge):
    """What was cut in the middle leaves a connection that must not be used again."""
    from adapters.sandbox.server import serve

    with serve() as vendors:
        url = f"{vendors.url}/hubspot/crm/v3/owners"
        headers = {"Authorization": "Bearer x"}
        for fault in ("half", "endless", "garbage", "html200", "reset"):
            vendors.hubspot.fault(fault)
            with pytest.raises((urllib3.exceptions.HTTPError, BadAnswer)):
                edge.call("GET", url, headers)
            assert len(edge.call("GET", url, headers)["results"]) == 2


# Where it goes --------------------------------------------------------------------------------------------------------


def test_proxy_of_the_environment_is_not_used(peer, edge, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    peer.answers(b"{}", JSON)
    assert edge.call("GET", peer.url, {}) == {}
    assert peer.heard[0].startswith(b"GET / HTTP/1.1")


def test_only_https_unless_private_targets_are_allowed(peer):
    with pytest.raises(ForbiddenTarget, match="is not https") as refused:
        Http().call("GET", peer.url + "/x?token=secret", {})
    assert "secret" not in str(refused.value)
    assert peer.heard == []
    with pytest.raises(ConnectionRefused):
        outcome_of(refused.value)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_calls_are_recorded_with_request_and_answer_but_no_credentials(peer, edge):
    peer.answers(b'{"id":1}', JSON)
    with recording() as calls:
        edge.call("POST", peer.url, {"Authorization": "Bearer secret"}, {"name": "Ann"}, {"a": 1})
    (call,) = calls
    assert (call.method, call.url, call.status) == ("POST", f"{peer.url}?a=1", 200)
    assert (call.request, call.answer) == ('{"name":"Ann"}', '{"id":1}')
    assert 0 <= call.seconds < 5
    assert "secret" not in repr(call)


def test_secret_is_kept_of_no_part_of_a_call(peer):
    secret = "s3cret/of the stream"
    edge = Http(allow_private=True, secrets=[secret, "short"])
    peer.answers(b'{"key":"s3cret/of the stream"}', JSON)
    with recording() as calls:
        assert edge.call("POST", peer.url, {}, {"key": secret, "a": "short"}, {"k": secret}) == {"key": "***"}
        edge.post_form(peer.url, {"key": secret})
    assert "s3cret" not in repr(calls)
    assert calls[0].request == '{"key":"***","a":"short"}'
    assert b"s3cret%2Fof+the+stream" in peer.heard[0]


def test_failure_is_recorded_too(peer, edge):
    peer.say = lambda connection: None
    with recording() as calls, suppress(urllib3.exceptions.HTTPError):
        edge.call("GET", peer.url, {})
    assert calls[0].status is None
    assert calls[0].answer.startswith("ProtocolError")


def test_bad_answer_is_recorded_as_it_came(peer, edge):
    peer.answers(b"<html>Maintenance</html>", "Content-Type: text/html")
    with recording() as calls, suppress(BadAnswer):
        edge.call("GET", peer.url, {})
    assert (calls[0].status, calls[0].answer) == (200, "<html>Maintenance</html>")


def test_long_texts_are_kept_in_part(peer, edge):
    peer.answers(b'"' + b"x" * 50_000 + b'"', JSON)
    with recording() as calls:
        edge.call("POST", peer.url, {}, "y" * 50_000)
    assert calls[0].answer.endswith(" … (50002 characters)")
    assert len(calls[0].request) < 17_000


def test_recordings_do_not_hear_each_other(peer, edge):
    peer.answers(b"{}", JSON)
    with recording() as outer:
        with recording() as inner:
            edge.call("GET", peer.url, {})
        edge.call("GET", peer.url, {})
    assert (len(inner), len(outer)) == (1, 1)


# What an error means --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (404, Refused), (405, Refused), (409, Refused), (410, Refused), (413, Refused), (422, Refused),
        (301, Refused), (408, RetryLater), (423, RetryLater), (425, RetryLater), (429, RetryLater), (500, Unknown),
        (501, Unknown), (502, Unknown), (503, Unknown), (504, Unknown), (599, Unknown),
    ],
)  # fmt: skip
def test_status_says_what_becomes_of_a_call(status, kind):
    made = outcome_of(HttpError(status, '{"message":"because"}', {}))
    assert isinstance(made, kind)
    assert made.reason == f"{status}: because"


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_stop_the_connection(status):
    with pytest.raises(ConnectionRefused, match=str(status)):
        outcome_of(HttpError(status, "", {}), items=100)


def test_refusal_of_many_is_for_halving_and_waiting_is_not():
    with pytest.raises(BatchRefused):
        outcome_of(HttpError(400, "", {}), items=2)
    assert isinstance(outcome_of(HttpError(429, "", {}), items=2), RetryLater)
    assert isinstance(outcome_of(HttpError(500, "", {}), items=2), Unknown)


def test_bug_of_ours_stays_one():
    with pytest.raises(KeyError):
        outcome_of(KeyError("properties"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param('{"message":"Property values were not valid"}', "Property values were not valid", id="HubSpot's"),
        pytest.param('{"errors":[{"detail":"Bad phone","title":"x"}]}', "Bad phone", id="Klaviyo's"),
        pytest.param('{"errors":[{"title":"Throttled"}]}', "Throttled", id="a title"),
        pytest.param('{"errors":["odd"]}', '{"errors":["odd"]}', id="odd errors"),
        pytest.param("[]", "[]", id="a list"),
        pytest.param("<html>", "<html>", id="a web page"),
        pytest.param("", "no reason given", id="nothing"),
        pytest.param('{"message":"' + "x" * 999 + '"}', "x" * 500, id="too much"),
    ],
)
def test_reason_is_the_vendors_own_words(body, said):
    assert outcome_of(HttpError(400, body, {})).reason == f"400: {said}"


@pytest.mark.parametrize(
    ("header", "after"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param(" 7 ", 7.0, id="with blanks"),
        pytest.param("0", 0.0, id="at once"),
        pytest.param("2.5", 2.5, id="a fraction"),
        pytest.param("Tue, 10 Mar 2026 09:31:00 GMT", 60.0, id="a date"),
        pytest.param("2026-03-10T09:30:30Z", 30.0, id="an ISO date"),
        pytest.param("Tue, 10 Mar 2026 09:29:00 GMT", None, id="a date that is over"),
        pytest.param("99999999", 86_400.0, id="more than a day"),
        pytest.param("1e9", 86_400.0, id="very much"),
        pytest.param("inf", 86_400.0, id="for ever"),
        pytest.param("-5", None, id="less than nothing"),
        pytest.param("nan", None, id="no number"),
        pytest.param("soon", None, id="a word"),
        pytest.param("7, 8", None, id="two"),
        pytest.param("９", 9.0, id="a wide digit"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_wait_is_read_from_the_header(header, after):
    assert retry_after({"Retry-After": header}, NOW) == after


def test_wait_without_a_header_is_unknown():
    assert retry_after(None) is None
    assert retry_after({}) is None
    soon = (datetime.now(UTC) + timedelta(seconds=50)).isoformat()
    assert 40 < retry_after({"Retry-After": soon}) <= 50
