"""Outbound messages: what a workflow rule or a flow sends as SOAP, and the answer with which Salesforce is content."""

from typing import Any
from xml.parsers import expat

from adapters.contract import Reply, Unreadable, WebhookRequest

MAX_ELEMENTS, MAX_DEPTH = 50_000, 12
ACK = Reply(
    status=200,
    body=b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>",
    content_type="text/xml; charset=utf-8",
)

Element = dict[str, Any]  # child's name → its text, its children, or a list of these


def is_xml(body: bytes) -> bool:
    """Whether a body is no JSON but XML."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def reply_to(request: WebhookRequest) -> Reply | None:
    """An acknowledgement for outbound messages, which come again for a day without it; nothing special for others."""
    return ACK if is_xml(request.body) else None


def notifications_of(body: bytes) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """The organisation that sends, and its notifications: each id with the record, whose ``attributes`` name its type.
    Raises Unreadable."""
    envelope = _document(body)
    message = _child(_child(envelope, "Body"), "notifications")
    if not message:
        raise Unreadable("XML that is no outbound message of Salesforce's")
    found = message.get("Notification")
    ones = found if isinstance(found, list) else [found]
    return _text(message.get("OrganizationId")), [
        (_text(one.get("Id")), _record(_child(one, "sObject"))) for one in ones if isinstance(one, dict)
    ]


def _record(element: Element) -> dict[str, Any]:
    record = {name: _value(held) for name, held in element.items() if name != TYPE}
    return {"attributes": {"type": _text(element.get(TYPE))}, **record}


def _value(held: Any) -> Any:
    """A field's value. Everything is text in XML; only what can be nothing else is taken for more."""
    if isinstance(held, dict):  # an empty element, with or without xsi:nil
        return None
    text = held[-1] if isinstance(held, list) else held
    return {"true": True, "false": False}.get(text, text)


def _child(element: Any, name: str) -> Element:
    found = element.get(name) if isinstance(element, dict) else None
    return found if isinstance(found, dict) else {}


def _text(held: Any) -> str:
    return held.strip() if isinstance(held, str) else ""


# --- XML as a document

TYPE = "xsi:type"


class _Reader:
    """Builds a document of what a parser meets: names without their prefixes, repeated ones as lists."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, Element, list[str]]] = [("", {}, [])]
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS or len(self.stack) > MAX_DEPTH:
            raise Unreadable("the XML is too much or too deep")
        kind = attributes.get(TYPE, "")
        self.stack.append((_local(name), {TYPE: _local(kind)} if kind else {}, []))

    def text(self, data: str) -> None:
        self.stack[-1][2].append(data)

    def end(self, name: str) -> None:
        mine, children, texts = self.stack.pop()
        said = "".join(texts).strip()
        held: Any = said if said and not set(children) - {TYPE} else children
        siblings = self.stack[-1][1]
        if mine not in siblings:
            siblings[mine] = held
        elif isinstance(siblings[mine], list):
            siblings[mine].append(held)
        else:
            siblings[mine] = [siblings[mine], held]

    def refuse(self, *_: Any) -> None:
        raise Unreadable("the XML declares types or entities, which an outbound message does not")


def _document(body: bytes) -> Element:
    """The envelope in a body."""
    reader, parser = _Reader(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    # Without a DTD there are no entities, and nothing can be blown up or fetched
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(body.lstrip(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable(f"not XML: {str(error)[:100]}") from None
    return _child(reader.stack[0][1], "Envelope")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
