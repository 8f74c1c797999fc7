"""Signs that no person filled in a form. Such a submission is parked with its reason; a person can replay it."""

import re
from collections.abc import Iterable, Mapping

from adapters.contract import Unreadable
from adapters.submissions.submission import Submission
from adapters.submissions.words import vocabulary
from adapters.values import is_blank

# Inputs that nobody sees and only robots fill in. Real fields are not in the list: browsers fill in a "website" too.
HONEYPOTS = vocabulary(
    """
    website_url_hp honeypot honey_pot honey _honey _honeypot _gotcha gotcha bot-field bot_field botfield
    leave_blank leave_empty leave_this_blank leave_this_empty do_not_fill dont_fill _wpcf7_ak_hp_textarea
    ak_hp_textarea wpforms[hp] mauticform[hp] company_url
    """
)
_FIRST, _LAST = ("hp_", "hp-", "honeypot_", "honeypot-"), ("_hp", "-hp", "_honeypot", "-honeypot")
_MAILCHIMP = re.compile(r"b_[0-9a-f]{16,64}_[0-9a-f]{6,64}")
# A builder's own field may well be called so, and builders have their own defence.
_ONLY_PLAIN = frozenset(("company_url",))
_PLAIN = frozenset(("html", "json", "cf7"))

MAX_LINKS = 2
_LINK = re.compile(r"https?://|www\.|\[url|<a\s", re.IGNORECASE)
_LINE_BREAK = re.compile(r"[\r\n\u2028\u2029]")


def check_honeypots(submission: Submission) -> None:
    """Raise Unreadable where a field was filled in that people do not see."""
    for answer in submission.answers:
        name = answer.key.casefold()
        trap = name in HONEYPOTS or name.startswith(_FIRST) or name.endswith(_LAST) or _MAILCHIMP.fullmatch(name)
        if trap and not is_blank(answer.value) and (submission.builder in _PLAIN or name not in _ONLY_PLAIN):
            raise Unreadable(f"looks like a robot: the hidden field {answer.key!r} was filled")


def check_texts(values: Mapping[str, str], lines: Iterable[str]) -> None:
    """Raise Unreadable for texts that carry an attack or advertising. ``lines`` are the fields that hold one line."""
    for name in lines:
        if _LINE_BREAK.search(values.get(name, "")):
            raise Unreadable(f"looks like an attack: {name} holds a line break, as if to smuggle in mail headers")
        if name != "email" and _LINK.search(values.get(name, "")):
            raise Unreadable(f"looks like advertising: {name} holds a link")
    if len(_LINK.findall(values.get("message", ""))) > MAX_LINKS:
        raise Unreadable(f"looks like advertising: the message holds more than {MAX_LINKS} links")
