"""Telling people. Twice is better than never: an alert whose answer was lost is sent again."""

from collections.abc import Sequence
from typing import Any, cast

from adapters.contract import Account, Again, Check, ConnectionRefused, Delivery, Done, Outcome, Push, RetryLater
from adapters.guard import ForbiddenTarget, resolve
from app.contacts.action import Action, Alert

SECONDS = 10.0
_TEAMS = "Microsoft has retired it: make a workflow in Teams that posts what a webhook sends, and enter its address"
RETIRED = {"msteams": _TEAMS}
# Addresses of the machine that Baton runs on, not of people
LOCAL_SCHEMES = frozenset(("dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows", "file", "exec"))


class Alerts:
    """The people to tell, as Apprise knows them."""

    def __init__(self, account: Account) -> None:
        self._urls = account.settings.get("urls", "").replace(",http", " http").split()
        self._allow_private = account.http.allow_private

    def services(self) -> list[tuple[str, Any]]:
        """(where it goes, the Apprise service). Raises ConnectionRefused for an address that cannot be used."""
        from apprise import Apprise, AppriseAsset

        asset = AppriseAsset(async_mode=False, service_timeout=SECONDS, app_id="Baton", app_desc="Baton")
        found = []
        for url in self._urls:
            scheme = url.split(":", 1)[0].lower()
            service = (
                None if scheme in LOCAL_SCHEMES else Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
            )
            if service is None:
                why = f": {RETIRED[scheme]}" if scheme in RETIRED else ""
                raise ConnectionRefused(f"“{scheme}://…” is no address that alerts can go to{why}")
            self._check_target(service)
            found.append((scheme, service))
        return found

    def _check_target(self, service: Any) -> None:
        host = getattr(service, "host", None)
        if host:
            try:
                resolve(host.strip("[]"), getattr(service, "port", None) or 443, self._allow_private)
            except ForbiddenTarget as error:
                raise ConnectionRefused(str(error)) from None
            except OSError:
                return  # a service with a host of its own, or one that cannot be found now: sending will tell


def connect(account: Account) -> Alerts:
    """The people to tell."""
    return Alerts(account)


def alert(client: Alerts, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Tell all of them; done when at least one was told."""
    (one,) = deliveries
    action = cast(Alert, one.action)
    told: list[str] = []
    failed: list[str] = []
    for scheme, service in client.services():
        ok = service.notify(body=action.body or action.title, title=action.title, **_format_of(service))
        (told if ok else failed).append(scheme)
    if not told:
        return [RetryLater(reason=f"could not be told by {', '.join(failed) or 'anything'}")]
    return [Done(note=f"told by {', '.join(told)}" + (f"; not by {', '.join(failed)}" if failed else ""))]


def _format_of(service: Any) -> dict[str, Any]:
    """Slack reads ``<!channel>`` in a text as a call to everybody, also in a visitor's name, unless told that the text
    is plain. Others would get escapes to see."""
    from apprise import NotifyFormat

    return {"body_format": NotifyFormat.TEXT} if getattr(service, "secure_protocol", "") == "slack" else {}


def check(client: Alerts) -> list[Check]:
    """Whether the addresses can be used. Nobody is told anything."""
    try:
        return [Check(f"Alert by {scheme}", True) for scheme, _ in client.services()]
    except ConnectionRefused as error:
        return [Check("Alerts", False, str(error))]


PUSHES: dict[type[Action], Push] = {Alert: Push(alert, again=Again.SAFE)}
