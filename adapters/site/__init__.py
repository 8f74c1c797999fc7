"""A team's own site: page views and what else its pages report through baton.js."""

from adapters.contract import Adapter
from adapters.site.track import parse

ADAPTER = Adapter(
    name="site",
    title="Site visits",
    signed=False,
    receives=False,  # it has an address of its own: /track
    keeps_people=False,
    parse=parse,
)
