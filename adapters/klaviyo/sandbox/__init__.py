"""A simulated Klaviyo, as klaviyo-api 25 calls it: the account of :mod:`state` with all its routes."""

from adapters.klaviyo.sandbox import consent, events, profiles
from adapters.klaviyo.sandbox.acts import ACTS
from adapters.klaviyo.sandbox.state import Account


class Klaviyo(Account):
    """The simulated Klaviyo."""

    acts = ACTS
    routes = (*profiles.ROUTES, *consent.ROUTES, *events.ROUTES)
