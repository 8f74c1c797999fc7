"""Shopify: a contact form of a shop's theme."""

from collections.abc import Mapping

from adapters.submissions.plain import read_plain
from adapters.submissions.submission import Submission
from adapters.values import Document


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return "form_type" in document and not {"contact", "customer"}.isdisjoint(document)


def read(document: Document) -> Submission:
    return read_plain({name: value for name, value in document.items() if name != "form_type"}, "shopify")
