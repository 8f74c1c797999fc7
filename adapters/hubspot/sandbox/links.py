"""Associations between the records of the simulated HubSpot (API version 4)."""

from collections.abc import Iterable
from typing import Any

from adapters.hubspot.sandbox.asks import (
    JSON_PROBLEM,
    batch_answer,
    inputs_of,
    kind_of,
    need,
    page_of,
    paged,
    record_of,
)
from adapters.hubspot.sandbox.edge import Source
from adapters.hubspot.sandbox.schema import ASSOCIATIONS, SINGULAR
from adapters.hubspot.sandbox.shapes import Batch
from adapters.hubspot.sandbox.state import Account, Record
from adapters.sandbox.vendor import Answer, Request, Route

MOST = 1000


def check_links(hub: Account, kind: str, given: Any) -> list[tuple[str, str, int]]:
    """The (type, id, association type) that a create asks for. Raises Refusal."""
    links = []
    for one in given or []:
        to, types = need(hub, one, "to", "types")
        number = str(need(hub, to, "id")[0])
        if not types:
            raise hub.refuse(400, f"{JSON_PROBLEM} [types]")
        for type_ in types:
            _, type_id = need(hub, type_, "associationCategory", "associationTypeId")
            other = next(
                (to_ for (from_, to_), known in ASSOCIATIONS.items() if known == type_id and from_ == kind), ""
            )
            if not other:
                raise hub.refuse(400, f"association type {type_id} is not one from {SINGULAR[kind]}")
            if hub.find(other, number) is None:
                context = {"objectId": [number], "objectType": [SINGULAR[other]]}
                raise hub.refuse(400, "One or more associations are invalid", context=context)
            links.append((other, number, type_id))
    return links


def link_all(hub: Account, record: Record, links: Iterable[tuple[str, str, int]]) -> None:
    """Associate a record with others, both ways, and tell the webhooks."""
    for other, number, type_id in links:
        link(hub, hub.api, (record.type, record.id), (other, number), type_id)


def link(
    hub: Account, source: Source, here: tuple[str, str], there: tuple[str, str], type_id: int | None = None
) -> None:
    """Associate two records, both ways; one change fires two events, one for each side."""
    for one, other in ((here, there), (there, here)):
        chosen = type_id if type_id and one == here else ASSOCIATIONS[one[0], other[0]]
        types = hub.links.setdefault(one, {}).setdefault(other[0], {}).setdefault(other[1], [])
        if chosen in types:
            continue
        types.append(chosen)
        hub.fire(
            one[0],
            "associationChange",
            source,
            associationType=f"{SINGULAR[one[0]]}_TO_{SINGULAR[other[0]]}".upper(),
            fromObjectId=int(one[1]),
            toObjectId=int(other[1]),
            associationRemoved=False,
            isPrimaryAssociation=False,
            associationTypeId=chosen,
            associationCategory="HUBSPOT_DEFINED",
        )


def pair_of(hub: Account, from_type: str, to_type: str) -> tuple[str, str]:
    """Two object types that can be associated. Raises Refusal."""
    pair = kind_of(hub, from_type), kind_of(hub, to_type)
    if pair not in ASSOCIATIONS:
        raise hub.refuse(400, f"No association type exists between {from_type} and {to_type}")
    return pair


def default_result(here: str, there: str, type_id: int) -> dict[str, Any]:
    """One association that was made, as the answer has it."""
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return {"from": {"id": here}, "to": {"id": there}, "associationSpec": spec}


def associate_default(hub: Account, request: Request, from_type: str, here: str, to_type: str, there: str) -> Answer:
    """PUT: associate two records the usual way."""
    pair = pair_of(hub, from_type, to_type)
    first, second = record_of(hub, pair[0], here), record_of(hub, pair[1], there)
    link(hub, hub.api, (pair[0], first.id), (pair[1], second.id))
    both = [default_result(here, there, ASSOCIATIONS[pair]), default_result(there, here, ASSOCIATIONS[pair[::-1]])]
    return batch_answer(hub, both, [])


def batch_associate_default(hub: Account, request: Request, from_type: str, to_type: str) -> Answer:
    """POST: associate many pairs the usual way."""
    pair = pair_of(hub, from_type, to_type)
    results, errors = [], []
    for index, item in enumerate(inputs_of(hub, request, MOST)):
        here, there = (str(need(hub, one, "id")[0]) for one in need(hub, item, "from", "to"))
        spoilt = request.partial and request.partial.spoils(index, [here, there], hub.random)
        if spoilt or not (hub.find(pair[0], here) and hub.find(pair[1], there)):
            message = "One or more associations are invalid"
            context = {"fromObjectId": [here], "toObjectId": [there]}
            errors.append({"status": "error", "category": "VALIDATION_ERROR", "message": message, "context": context})
            continue
        link(hub, hub.api, (pair[0], here), (pair[1], there))
        results.append(default_result(here, there, ASSOCIATIONS[pair]))
    answer = batch_answer(hub, results, errors)
    answer.status = 200  # the contract has no 207 here, and the SDK reads none
    return answer


def linked(hub: Account, kind: str, number: str, other: str) -> list[dict[str, Any]]:
    """What a record is associated with, as the answers of version 4 have it: its id is a number here."""
    held = hub.links.get((kind, number), {}).get(other, {})
    return [
        {
            "toObjectId": int(target),
            "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": one, "label": None} for one in types],
        }
        for target, types in held.items()
    ]


def batch_read_links(hub: Account, request: Request, from_type: str, to_type: str) -> Answer:
    """POST: what many records are associated with; a record with nothing is an error in a 207."""
    kind, other = pair_of(hub, from_type, to_type)
    results, errors = [], []
    for item in inputs_of(hub, request, MOST):
        number = str(need(hub, item, "id")[0])
        if held := linked(hub, kind, number, other):
            results.append({"from": {"id": number}, "to": held})
            continue
        here, there = SINGULAR[kind], SINGULAR[other]
        errors.append(
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": f"No {there} is associated with {here} {number}.",
                "context": {"fromObjectId": [number], "fromObjectType": [here], "toObjectType": [there]},
            }
        )
    return batch_answer(hub, results, errors)


def get_links(hub: Account, request: Request, object_type: str, object_id: str, to_type: str) -> Answer:
    """GET: what one record is associated with."""
    kind, other = pair_of(hub, object_type, to_type)
    record = record_of(hub, kind, object_id)
    start, size = page_of(hub, request, 500, 500)
    return Answer(body=paged(linked(hub, kind, record.id, other), start, size))


LINKS = "/crm/v4/associations/{from_type}/{to_type}/batch"
ROUTES = (
    Route("POST", LINKS + "/associate/default", batch_associate_default, Batch),
    Route("POST", LINKS + "/read", batch_read_links, Batch),
    Route("GET", "/crm/v4/objects/{object_type}/{object_id}/associations/{to_type}", get_links),
    Route("PUT", "/crm/v4/objects/{from_type}/{here}/associations/default/{to_type}/{there}", associate_default),
)
