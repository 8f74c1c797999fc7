"""A simulated HubSpot, as hubspot-api-client 12 calls it: the account of :mod:`state` with all its routes.

The paths with a date (2026-09) lead to the same functions as those of version 3 and 4.
"""

import re
from dataclasses import replace

from adapters.hubspot.sandbox import account, consent, journal, links, mail, objects, search, told
from adapters.hubspot.sandbox.acts import ACTS
from adapters.hubspot.sandbox.state import Account
from adapters.sandbox.vendor import Answer, Request

DATED = (  # what the paths with a date were called before
    (r"/crm/objects/2026-09/([^/]+/[^/]+/associations/.*)", r"/crm/v4/objects/\1"),
    (r"/crm/associations/2026-09/(.*)", r"/crm/v4/associations/\1"),
    (r"/crm/(objects|lists|owners|properties)/2026-09(/.*)?", r"/crm/v3/\1\2"),
    (
        r"/communication-preferences/2026-09/(status/|subscribe|unsubscribe/?$)(.*)",
        r"/communication-preferences/v3/\1\2",
    ),
    (r"/communication-preferences/2026-09/(.*)", r"/communication-preferences/v4/\1"),
    (r"/conversations/conversations/2026-09/(.*)", r"/conversations/v3/conversations/\1"),
)


class HubSpot(Account):
    """The simulated HubSpot."""

    acts = ACTS
    routes = (
        *search.ROUTES,
        *objects.ROUTES,
        *links.ROUTES,
        *account.ROUTES,
        *consent.ROUTES,
        *mail.ROUTES,
        *told.ROUTES,
        *journal.ROUTES,
    )

    def answer(self, request: Request) -> tuple[Answer, bool]:
        for dated, plain in DATED:
            if re.fullmatch(dated, request.path):
                return super().answer(replace(request, path=re.sub(dated, plain, request.path)))
        return super().answer(request)
