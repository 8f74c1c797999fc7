"""A simulated ActiveCampaign, as its API v3 is called: the account of :mod:`state` with all its routes."""

from adapters.activecampaign.sandbox import contacts, sales
from adapters.activecampaign.sandbox.acts import ACTS
from adapters.activecampaign.sandbox.state import Account


class ActiveCampaign(Account):
    """The simulated ActiveCampaign."""

    acts = ACTS
    routes = (*contacts.ROUTES, *sales.ROUTES)
