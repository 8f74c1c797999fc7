"""Every screen of a filled Baton, by what it shows."""

from tests.browser.conftest import Site
from tests.feeding import rows
from tests.sequences_story import review_of


def pages(site: Site) -> dict[str, str]:
    """Every screen, with the people and rows that are hardest on it."""
    parked = rows(site.runtime, "inbox", "id", status="parked")[0].id
    decision = rows(site.runtime, "decisions", "id", outcome="withheld")[0].id
    deliveries = {row.status: row.id for row in rows(site.runtime, "deliveries", "id", "status")}
    rehearsal = rows(site.runtime, "rehearsals", "id")[0].id
    user = rows(site.runtime, "users", "id")[-1].id
    entry = rows(site.runtime, "audit", "id")[-1].id
    handoffs = [row.id for row in rows(site.runtime, "handoffs", "id")]
    scoring = "/admin/policies/scoring/scoring/"
    people = {name: f"/admin/contacts/{site.people[name]}" for name in ("ann", "bob", "cleo", "eve", "visitor")}
    return {
        "home": "/admin/",
        "contacts": "/admin/contacts",
        "contacts found": "/admin/contacts?q=reader",
        "nobody found": "/admin/contacts?q=zzz",
        **people,
        "older": f"{people['ann']}?outcome=withheld",
        "handoffs": "/admin/handoffs",
        "all handoffs": "/admin/handoffs?status=all",
        "handoff": f"/admin/handoffs/{handoffs[0]}",
        "newest handoff": f"/admin/handoffs/{handoffs[-1]}",
        "as they were": f"{people['ann']}/past?at=2026-01-01T00:00",
        "merges": "/admin/merges",
        "merge": f"/admin/merges/{rows(site.runtime, 'merges', 'id')[-1].id}",
        "conflicts": "/admin/conflicts",
        "erased people": "/admin/erasures",
        "erased": f"/admin/erasures/{rows(site.runtime, 'erasures', 'id')[0].id}",
        "inbox": "/admin/inbox",
        "inbox searched": "/admin/inbox?q=ann@acme.example",
        "parked": "/admin/inbox?status=parked&connection=hubspot",
        "request": f"/admin/inbox/{parked}",
        "deliveries": "/admin/deliveries",
        "sent": f"/admin/deliveries/{deliveries['sent']}",
        "dead": f"/admin/deliveries/{deliveries['dead']}",
        "unknown": f"/admin/deliveries/{deliveries['unknown']}",
        "messages": "/admin/messages",
        "message": "/admin/messages/pricing_follow_up?contact=ann@acme.example",
        "message to somebody hostile": "/admin/messages/welcome?contact=eve@hostile.example",
        "message that does not suit": "/admin/messages/interest_nurture?contact=nobody",
        "text message": "/admin/messages/abandoned_checkout?channel=sms",
        "segments": "/admin/segments",
        "segment": "/admin/segments/new_subscribers",
        "empty segment": "/admin/segments/lapsing",
        "why": f"{people['ann']}/why",
        "why a message": f"{people['ann']}/why?about=message:pricing_follow_up",
        "why a trigger": f"{people['ann']}/why?about=trigger:abandoned_checkout",
        "why a sequence": f"{people['ann']}/why?about=sequence:welcome",
        "why a segment": f"{people['visitor']}/why?about=segment:new_subscribers",
        "why somebody hostile": f"{people['eve']}/why?about=message:welcome",
        "sequences": "/admin/sequences",
        "sequence": "/admin/sequences/guide_follow_up",
        "who left": "/admin/sequences/guide_follow_up?who=over_time",
        "nobody in it": "/admin/sequences/post_purchase",
        "move": "/admin/sequences/guide_follow_up/move",
        "move elsewhere": "/admin/sequences/guide_follow_up/move?to=welcome",
        "reviews": "/admin/reviews",
        "first of the reviews": "/admin/reviews/next?done=0&skipped=0",
        "no reviews": "/admin/reviews?status=withdrawn",
        "review": f"/admin/reviews/{review_of(site.runtime)}",
        "mappings": "/admin/mappings/",
        "mapping": "/admin/mappings/hubspot/",
        "mapping of forms": "/admin/mappings/forms/",
        "row of a mapping": "/admin/mappings/hubspot/row?row=17",
        "new row of a mapping": "/admin/mappings/forms/row",
        "payload": "/admin/mappings/forms/payload",
        "no draft of a mapping": "/admin/mappings/hubspot/effect",
        "read again": "/admin/mappings/forms/again",
        "request on paper": "/admin/mappings/hubspot/request",
        "imports": "/admin/import",
        "a file to import": f"/admin/import/{rows(site.runtime, 'imports', 'id')[0].id}",
        "connections": "/admin/connections",
        "hubspot": "/admin/connections/hubspot",
        "forms": "/admin/connections/forms",
        "connect a tool": "/admin/connect",
        "connect HubSpot": "/admin/connect/hubspot",
        "connect ActiveCampaign": "/admin/connect/activecampaign",
        "settings of hubspot": "/admin/connections/hubspot/settings",
        "refused": "/admin/connections/hubspot/refused/1",
        "decisions": "/admin/decisions",
        "decision": f"/admin/decisions/{decision}",
        "rules": "/admin/policies/",
        "rules as a form": scoring,
        "rules as text": f"{scoring}?view=text",
        "what changes": f"{scoring}diff",
        "publish": f"{scoring}publish",
        "versions": f"{scoring}versions/",
        "version": f"{scoring}versions/1",
        "roll back": f"{scoring}roll-back?version=1",
        "tried": f"{scoring}try?contact=ann@acme.example",
        "what sales said": f"{scoring}calibration",
        "rehearsals": "/admin/rehearsals/",
        "new rehearsal": "/admin/rehearsals/new",
        "rehearsal": f"/admin/rehearsals/{rehearsal}",
        "users": "/admin/users",
        "user": f"/admin/users/{user}",
        "tokens": "/admin/tokens",
        "audit": "/admin/audit",
        "audit entry": f"/admin/audit/{entry}",
        "account": "/admin/account",
    }


def doors(site: Site) -> dict[str, str]:
    """Every screen for those who have not signed in."""
    return {"signing in": "/admin/login", "invitation": site.invitation, "link": site.link}
