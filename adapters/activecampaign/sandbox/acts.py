"""What people and mail servers do to the simulated ActiveCampaign: forms, opens, clicks, bounces, tags, deals."""

from typing import Any

from adapters.activecampaign.sandbox.contacts import NAMES
from adapters.activecampaign.sandbox.sales import change_deal, new_deal
from adapters.activecampaign.sandbox.state import ACTIVE, LEFT, Account, Contact

NAMES_OF_FIELDS = frozenset(NAMES.values())


def _contact(ac: Account, key: Any) -> Contact:
    """The contact with this number or address. Raises ValueError."""
    found = ac.contact(key)
    if found is None:
        raise ValueError(f"ActiveCampaign has no contact {key}")
    return found


def _list(ac: Account, key: str) -> str:
    """The number of the list with this number or name; the first one for an empty text. Raises ValueError."""
    found = [number for number, name in ac.lists.items() if key in ("", number, name)]
    if not found:
        raise ValueError(f"ActiveCampaign has no list {key}")
    return found[0]


def _field(ac: Account, key: str) -> str:
    found = [number for number, held in ac.fields.items() if key.lower() in (number, held["perstag"].lower())]
    if not found:
        raise ValueError(f"ActiveCampaign has no field {key}")
    return found[0]


def create_contact(ac: Account, email: str, origin: str = "admin", **told: str) -> str:
    """Somebody appears, with names, a phone and custom fields by their tags."""
    if ac.contact(email) is not None:
        raise ValueError(f"ActiveCampaign has {email} already")
    one = ac.new_contact(email, origin, tells=False)
    _write(ac, one, told)
    ac.tell("subscribe", origin, ac.block(one))
    return one.id


def _write(ac: Account, one: Contact, told: dict[str, str]) -> None:
    for name, value in told.items():
        if name in NAMES_OF_FIELDS:
            setattr(one, name, value)
        else:
            one.fields[_field(ac, name)] = value


def update_contact(ac: Account, contact: Any, origin: str = "admin", **told: str) -> None:
    """Somebody changes a contact's fields."""
    one = _contact(ac, contact)
    _write(ac, one, told)
    ac.touch(one, origin)


def subscribe(ac: Account, contact: Any, list: str = "", origin: str = "public") -> None:
    """A person subscribes by a form; or somebody else puts them on a list."""
    ac.place(_contact(ac, contact), _list(ac, list), ACTIVE, origin)


def unsubscribe(ac: Account, contact: Any, list: str = "", origin: str = "public") -> None:
    """A person leaves a list by the link in a mail; all lists, where none is named."""
    one = _contact(ac, contact)
    on = [number for number, place in one.lists.items() if place["status"] == ACTIVE]
    for number in [_list(ac, list)] if list else on:
        ac.place(one, number, LEFT, origin)


def add_tag(ac: Account, contact: Any, tag: str, origin: str = "admin") -> None:
    """A user, or an automation, gives somebody a tag."""
    number = ac.find_tag(tag) or ac.new_id()
    ac.tags.setdefault(number, tag)
    ac.tag(_contact(ac, contact), number, origin)


def remove_tag(ac: Account, contact: Any, tag: str, origin: str = "admin") -> None:
    """A user, or an automation, takes somebody's tag away."""
    ac.untag(_contact(ac, contact), ac.find_tag(tag), origin)


def _campaign(name: str) -> dict[str, str]:
    return {"campaign[id]": "12", "campaign[name]": name, "campaign[message][subject]": name}


def _mailed(ac: Account, kind: str, contact: Any, campaign: str, origin: str, **more: str) -> None:
    one = _contact(ac, contact)
    ac.tell(kind, origin, {**ac.block(one), **_campaign(campaign), **more})


def send(ac: Account, contact: Any, campaign: str = "Newsletter 1") -> None:
    """A campaign's e-mail is sent."""
    _mailed(ac, "sent", contact, campaign, "system")


def open(ac: Account, contact: Any, campaign: str = "Newsletter 1", agent: str = "Mozilla/5.0 (X11) Gecko") -> None:
    """An e-mail is opened, by a person or a machine: only the ``agent`` tells."""
    _mailed(ac, "open", contact, campaign, "public", **{"User-Agent": agent})


def click(ac: Account, contact: Any, url: str = "https://example.com/pricing", campaign: str = "Newsletter 1") -> None:
    """A person clicks a link."""
    _mailed(ac, "click", contact, campaign, "public", **{"link[id]": "7", "link[url]": url})


def reply(ac: Account, contact: Any, campaign: str = "Newsletter 1") -> None:
    """A person answers an e-mail."""
    _mailed(ac, "reply", contact, campaign, "public")


def bounce(ac: Account, contact: Any, kind: str = "hard", campaign: str = "Newsletter 1") -> None:
    """An e-mail bounces, "hard" or "soft"."""
    one = _contact(ac, contact)
    if kind == "hard":
        one.bounced_at = one.updated = ac.clock()
    said = {"bounce[type]": kind, "bounce[code]": "5.1.1", "bounce[description]": "Bad destination mailbox address"}
    _mailed(ac, "bounce", contact, campaign, "system", **said)


def create_deal(ac: Account, contact: Any, title: str = "Deal", value: int = 100_000, stage: str = "1") -> str:
    """A user opens a deal; its value is in cents."""
    owner = next(iter(ac.users))
    told = {"title": title, "contact": _contact(ac, contact).id, "value": value, "currency": "usd", "group": "1"}
    return str(new_deal(ac, {**told, "stage": stage, "owner": owner}, "admin")["id"])


def move_deal(ac: Account, deal: str, stage: str = "", status: str = "") -> None:
    """A user moves a deal: to another ``stage``, or to a ``status`` (0 open, 1 won, 2 lost)."""
    if deal not in ac.deals:
        raise ValueError(f"ActiveCampaign has no deal {deal}")
    told = {name: value for name, value in (("stage", stage), ("status", status)) if value}
    change_deal(ac, deal, told, "admin")


def automation_webhook(ac: Account, contact: Any, series: str = "9") -> None:
    """An automation comes to its webhook step: it says who, and no more."""
    one = _contact(ac, contact)
    names = [f"contact[{name}]" for name in ("id", "email", "first_name", "last_name", "phone", "orgname")]
    pairs = [(name, value) for name, value in ac.block(one).items() if name in names]
    pairs += [("contact[tags]", ",".join(ac.tags[tag] for tag in one.tags)), ("contact[ip4]", "127.0.0.1")]
    pairs += [(f"contact[fields][{ac.fields[n]['perstag'].lower()}]", value) for n, value in one.fields.items()]
    for sender in ac.hooks.values():
        sender.add([[*pairs, ("seriesid", series)]])


ACTS = {
    act.__name__: act
    for act in (
        create_contact,
        update_contact,
        subscribe,
        unsubscribe,
        add_tag,
        remove_tag,
        send,
        open,
        click,
        reply,
        bounce,
        create_deal,
        move_deal,
        automation_webhook,
    )
}
