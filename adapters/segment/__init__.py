"""Segment, RudderStack and whatever speaks their language: what people do in a team's own product. Only tells."""

from adapters.contract import Adapter, Reply, Setting
from adapters.segment.signature import PATHS, verify
from adapters.segment.webhook import holds, parse

ADAPTER = Adapter(
    name="segment",
    title="Segment, RudderStack",
    settings=(
        Setting("shared_secret", "Shared secret of the webhook destination; Segment signs with it."),
        Setting("shared_secret_previous", "The secret before the last rotation; still accepted until you remove it."),
        Setting("write_key", "Write key for SDKs that send to Baton itself, a text of your own."),
        Setting("write_key_previous", "The key before the last rotation; still accepted until you remove it."),
    ),
    proofs=("shared_secret", "write_key"),
    paths=frozenset(PATHS),
    reply=Reply(status=200, body=b'{"success":true}\n'),
    mapping="segment.yaml",
    verify=verify,
    parse=parse,
    holds=holds,
)
