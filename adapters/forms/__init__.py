"""Forms on a team's own site, posted by the browser or by the form builder."""

from adapters.contract import Adapter
from adapters.submissions.events import holds, parse

ADAPTER = Adapter(
    name="forms",
    title="Site forms",
    signed=False,
    receives=False,  # it has an address of its own: /forms/<form>
    keeps_people=False,
    mapping="forms.yaml",
    parse=parse,
    holds=holds,
)
