"""What screens call things: the words of marketing, not those of tools."""

from typing import Any

import pytest

from app.admin import words


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"channel": "email", "state": "granted", "method": "API_V3_SUBSCRIBE"}, "Agreed (E-mail)"),
        ({"channel": "sms", "state": "withdrawn"}, "Opted out (SMS)"),
        ({"path": "/pricing", "title": "Pricing"}, "/pricing"),
        ({"state": "active", "name": "Spring"}, "active"),
        ({}, ""),
    ],
)
def test_an_event_says_what_it_was_about(properties: dict[str, Any], said: str) -> None:
    assert words.event_detail(properties) == said
