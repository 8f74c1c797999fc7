"""Forms on a team's own site, posted by the browser or by the form builder."""

from adapters.contract import Adapter, Setting
from adapters.forms.signature import verify
from adapters.submissions.events import holds, parse

ADAPTER = Adapter(
    name="forms",
    title="Site forms",
    settings=(
        Setting("webhook_secret", "Secret with which a form builder signs, or that it sends as X-Baton-Secret."),
        Setting("webhook_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
    ),
    proofs=("webhook_secret",),
    verify=verify,
    receives=False,  # it has an address of its own: /forms/<form>
    keeps_people=False,
    mapping="forms.yaml",
    parse=parse,
    holds=holds,
)
