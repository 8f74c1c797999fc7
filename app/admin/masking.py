"""Addresses for people who may not see them: ``a…@example.com``.

Applied to the finished page, so that no screen, now or later, can forget it.
"""

import re

# One character of an address's first part, as it stands in HTML
_PART = r"(?:&\#39;|&amp;|[\w.!#$*+/^`{|}~-])"
# Only from a word's beginning, possessive and bounded: a page of any content is read in one go. What the reader has
# typed themselves stays, in the field (value=) and in the links to the next page (q=)
_ADDRESS = re.compile(
    rf"""(?<!value=")(?<![?;]q=)(?<![\w.!#$*+/^`{{|}}~-])(?P<first>{_PART}){_PART}{{0,300}}+(?P<at>@|%40)(?=[\w-])"""
)
_PHONE = re.compile(r"\+\d{5,}")


def mask_addresses(page: str) -> str:
    """The page with every e-mail address masked, but for what the reader has typed into a field."""
    return _ADDRESS.sub(r"\g<first>…\g<at>", page)


def mask_phone(text: str) -> str:
    """A phone number of which the country and the last two digits are left; any other text as it is."""
    return f"{text[:3]}…{text[-2:]}" if _PHONE.fullmatch(text) else text
