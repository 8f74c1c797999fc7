"""The simulated Klaviyo's consent: subscribing, unsubscribing, suppressing, and lists."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.klaviyo.sandbox.asks import (
    allow,
    check_query,
    data_of,
    document,
    list_shown,
    many,
    moment_of,
    need,
    one,
    page,
    passes,
    profile_shown,
    resource,
    terms,
)
from adapters.klaviyo.sandbox.profiles import checked, duplicate, job_of, job_shown, per
from adapters.klaviyo.sandbox.records import Profile
from adapters.klaviyo.sandbox.shapes import ConsentBody, Many, NewListBody
from adapters.klaviyo.sandbox.state import LIFTED_BY_SUBSCRIBING, Account
from adapters.sandbox.vendor import Answer, Request, Route

SUBSCRIBE, UNSUBSCRIBE, SUPPRESS, MEMBERS = 1000, 100, 100, 1000
POINTER = "/data/attributes/profiles"
METHOD = "API_V3_SUBSCRIBE"  # what Klaviyo writes for calls of the API, unsubscribing included
LIST_FILTERS = {
    "id": ("equals", "any"),
    "name": ("equals", "any"),
    "created": ("greater-than",),
    "updated": ("greater-than",),
}


def list_named(klaviyo: Account, request: Request) -> str:
    """The list that the body's relationship names, or "". Raises Refusal."""
    relationships = request.body["data"].get("relationships") or {}
    data = (relationships.get("list") or {}).get("data") or {}
    number = str(data.get("id") or "")
    if number and number not in klaviyo.lists:
        raise klaviyo.refuse(404, f"A list with id {number} does not exist.", "/data/relationships/list")
    return number


def list_properties(klaviyo: Account, number: str) -> dict[str, Any]:
    """How events name a list."""
    return {"list_id": number, "List": klaviyo.lists[number]["name"]}


# what consent does, by API or by hand


def subscribe(
    klaviyo: Account, profile: Profile, number: str, channels: Mapping[str, str | None], method: str, *, by_api: bool
) -> None:
    """Subscribe a person to these channels: it lifts every suppression that is not about a dead address."""
    if number and number not in klaviyo.lists:
        return
    lists = {"list_id": number, "list_name": klaviyo.lists[number]["name"]} if number else {}
    if number and profile.id not in klaviyo.lists[number]["members"]:
        klaviyo.lists[number]["members"][profile.id] = klaviyo.now()
        klaviyo.happen("Subscribed to List", profile, list_properties(klaviyo, number), by_api=by_api)
    for channel, custom in channels.items():
        consent = profile.email if channel == "email" else profile.sms
        klaviyo.agree(consent, "SUBSCRIBED", method, custom_method_detail=custom, double_optin=False)
        told = {"method": method, "method_detail": "", "custom_method_detail": custom, "double_optin": False, **lists}
        if channel == "email":
            klaviyo.lift(profile, LIFTED_BY_SUBSCRIBING)
            consent.list_suppressions = [each for each in consent.list_suppressions if each["list_id"] != number]
            told["email_address"] = profile.attributes.get("email")
        name = "Subscribed to Email Marketing" if channel == "email" else "Subscribed to SMS Marketing"
        klaviyo.happen(name, profile, told, by_api=by_api)


def unsubscribe(
    klaviyo: Account, profile: Profile, number: str, channels: tuple[str, ...], method: str, *, by_api: bool
) -> None:
    """Unsubscribe a person from a list; who is not on it is unsubscribed from everything."""
    on_list = bool(number) and profile.id in klaviyo.lists.get(number, {"members": {}})["members"]
    if on_list:
        del klaviyo.lists[number]["members"][profile.id]
        klaviyo.happen("Unsubscribed from List", profile, list_properties(klaviyo, number), by_api=by_api)
    for channel in channels:
        told: dict[str, Any] = {"method": method, "method_detail": ""}
        if channel == "sms":
            klaviyo.agree(profile.sms, "UNSUBSCRIBED", method)
            klaviyo.happen("Unsubscribed from SMS Marketing", profile, told, by_api=by_api)
            continue
        if on_list:
            suppressed = {"list_id": number, "reason": "UNSUBSCRIBE", "timestamp": klaviyo.now()}
            profile.email.list_suppressions.append(suppressed)
        else:
            klaviyo.agree(profile.email, "UNSUBSCRIBED", method)
            klaviyo.suppress(profile, "UNSUBSCRIBE")
        lists = [number] if on_list else []
        names = [klaviyo.lists[each]["name"] for each in lists]
        told = {**told, "email_address": profile.attributes.get("email"), "list_ids": lists, "list_names": names}
        klaviyo.happen("Unsubscribed from Email Marketing", profile, told, by_api=by_api)


def suppress(klaviyo: Account, profile: Profile, method: str, *, by_api: bool) -> None:
    """Send a person no e-mail, whatever the consent."""
    klaviyo.suppress(profile, "USER_SUPPRESSED")
    told = {"email_address": profile.attributes.get("email"), "suppression_method": method}
    klaviyo.happen("Manually Suppressed from Email Marketing", profile, told, by_api=by_api)


def unsuppress(klaviyo: Account, profile: Profile, method: str, *, by_api: bool) -> None:
    """Take back a manual suppression, and no other."""
    klaviyo.lift(profile, {"USER_SUPPRESSED"})
    told = {"email_address": profile.attributes.get("email"), "suppression_method": method}
    klaviyo.happen("Manually Unsuppressed from Email Marketing", profile, told, by_api=by_api)


# the jobs


def people_of(
    klaviyo: Account, request: Request, kind: str, most: int, known: tuple[str, ...]
) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """The (attributes, profile id, subscriptions) of a consent job. Raises Refusal."""
    attributes = data_of(klaviyo, request, kind)
    (holder,) = need(klaviyo, attributes, "/data/attributes", "profiles")
    people = []
    for place, item in enumerate(many(klaviyo, holder, POINTER, most)):
        pointer = f"{POINTER}/data/{place}"
        given = resource(klaviyo, item, "profile", pointer)
        allow(klaviyo, given, known, "profile", f"{pointer}/attributes")
        subscriptions = given.pop("subscriptions", None)
        if "subscriptions" in known and not subscriptions:
            raise klaviyo.refuse(400, "'subscriptions' is a required field.", f"{pointer}/attributes/subscriptions")
        checked(klaviyo, given, f"{pointer}/attributes")
        number = str(item.get("id") or "")
        if not number and not any(given.values()):
            raise klaviyo.refuse(400, "A profile needs an identifier.", f"{pointer}/attributes")
        found = klaviyo.matching(given, number)
        if len(found) > 1:
            raise duplicate(klaviyo, found[1])
        people.append((given, number, subscriptions or {}))
    return people


def channels_of(klaviyo: Account, subscriptions: Mapping[str, Any], wanted: str, place: int) -> dict[str, Any]:
    """The channels that a person is (un)subscribed from, with their parameters. Raises Refusal."""
    chosen = {}
    pointer = f"{POINTER}/data/{place}/attributes/subscriptions"
    for channel, parts in subscriptions.items():
        if channel not in ("email", "sms") or not isinstance(parts, dict) or set(parts) - {"marketing"}:
            raise klaviyo.refuse(400, f"The sandbox has e-mail and SMS marketing, not '{channel}'.", pointer)
        marketing = parts.get("marketing") or {}
        if marketing.get("consent") != wanted:
            raise klaviyo.refuse(400, f"consent must be {wanted}.", f"{pointer}/{channel}/marketing/consent")
        chosen[channel] = marketing
    return chosen


def found_or_made(klaviyo: Account, given: dict[str, Any], number: str) -> Profile:
    """The profile that a consent job is about, made where there is none."""
    found = klaviyo.matching(given, number)
    return found[0] if found else klaviyo.new_profile(given)


def start_subscribing(klaviyo: Account, request: Request) -> Answer:
    """POST: subscribe people; it takes a moment."""
    kind = "profile-subscription-bulk-create-job"
    known = ("email", "phone_number", "subscriptions", "age_gated_date_of_birth")
    people = people_of(klaviyo, request, kind, SUBSCRIBE, known)
    attributes = request.body["data"]["attributes"]
    allow(klaviyo, attributes, ("profiles", "custom_source", "historical_import"), kind, "/data/attributes")
    number = list_named(klaviyo, request)
    historical = bool(attributes.get("historical_import"))
    jobs = []
    for place, (given, profile_id, subscriptions) in enumerate(people):
        given.pop("age_gated_date_of_birth", None)
        channels = channels_of(klaviyo, subscriptions, "SUBSCRIBED", place)
        for channel, marketing in channels.items():
            if not given.get("email" if channel == "email" else "phone_number") and not profile_id:
                raise klaviyo.refuse(400, f"Subscribing to {channel} needs its address.", f"{POINTER}/data/{place}")
            consented = marketing.get("consented_at")
            if historical and (not consented or moment_of(klaviyo, consented) > klaviyo.clock()):
                raise klaviyo.refuse(
                    400, "historical_import needs a consented_at in the past.", f"{POINTER}/data/{place}"
                )
        jobs.append((given, profile_id, dict.fromkeys(channels, attributes.get("custom_source"))))
    double = klaviyo.lists[number]["opt_in_process"] == "double_opt_in" if number else klaviyo.settings.double_opt_in

    def run() -> None:
        for given, profile_id, channels in jobs:
            profile = found_or_made(klaviyo, given, profile_id)
            if not double or historical:  # else a mail asks the person first: act "confirm"
                subscribe(klaviyo, profile, number, channels, METHOD, by_api=True)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return accepted()


def start_unsubscribing(klaviyo: Account, request: Request) -> Answer:
    """POST: unsubscribe people; it takes a moment."""
    known = ("email", "phone_number", "subscriptions")
    people = people_of(klaviyo, request, "profile-subscription-bulk-delete-job", UNSUBSCRIBE, known)
    number = list_named(klaviyo, request)
    jobs = [
        (given, profile_id, tuple(channels_of(klaviyo, subscriptions, "UNSUBSCRIBED", place)))
        for place, (given, profile_id, subscriptions) in enumerate(people)
    ]

    def run() -> None:
        for given, profile_id, channels in jobs:
            unsubscribe(klaviyo, found_or_made(klaviyo, given, profile_id), number, channels, METHOD, by_api=True)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return accepted()


def accepted() -> Answer:
    """The answer to what will be done in a moment: nothing but the status."""
    return Answer(status=202, raw=b"", content_type="application/vnd.api+json")


def suppression_job(klaviyo: Account, request: Request, kind: str, do: Callable[..., None]) -> Answer:
    """Suppress people, or take that back, by address or by list; it takes a moment. Raises Refusal."""
    attributes = data_of(klaviyo, request, kind)
    number = list_named(klaviyo, request)
    if bool(attributes.get("profiles")) == bool(number):
        raise klaviyo.refuse(400, "Either profiles or a list must be given.", "/data")
    people = [] if number else people_of(klaviyo, request, kind, SUPPRESS, ("email",))
    members = list(klaviyo.lists[number]["members"]) if number else []
    job_id, job = klaviyo.new_job(kind, len(people) or len(members))

    def run() -> None:
        chosen = [found_or_made(klaviyo, given, profile_id) for given, profile_id, _ in people]
        chosen += [klaviyo.profiles[each] for each in members if each in klaviyo.profiles]
        for profile in chosen:
            do(klaviyo, profile, "API", by_api=True)
        klaviyo.finish(job, 0)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return one(request, job_shown(klaviyo, request, job_id), 202)


def start_suppressing(klaviyo: Account, request: Request) -> Answer:
    """POST: suppress people."""
    return suppression_job(klaviyo, request, "profile-suppression-bulk-create-job", suppress)


def start_unsuppressing(klaviyo: Account, request: Request) -> Answer:
    """POST: take manual suppressions back."""
    return suppression_job(klaviyo, request, "profile-suppression-bulk-delete-job", unsuppress)


def get_suppressing(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: how far a suppression is."""
    job_of(klaviyo, number, "profile-suppression-bulk-create-job")
    return one(request, job_shown(klaviyo, request, number))


def get_unsuppressing(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: how far taking suppressions back is."""
    job_of(klaviyo, number, "profile-suppression-bulk-delete-job")
    return one(request, job_shown(klaviyo, request, number))


# lists


def list_of(klaviyo: Account, number: str) -> dict[str, Any]:
    """The list that a path names. Raises Refusal."""
    if held := klaviyo.lists.get(number):
        return held
    raise klaviyo.refuse(404, f"A list with id {number} does not exist.")


def list_lists(klaviyo: Account, request: Request) -> Answer:
    """GET: the lists."""
    check_query(klaviyo, request, "list", ("filter", "page[cursor]", "page[size]", "sort"))
    wanted = terms(klaviyo, request, LIST_FILTERS)

    def fits(number: str, held: dict[str, Any]) -> bool:
        values = {**held, "id": number}
        return all(passes(operator, values[name], value) for operator, name, value in wanted)

    found = [(number, held) for number, held in klaviyo.lists.items() if fits(number, held)]
    return document(page(klaviyo, request, found, lambda each: list_shown(request, *each), 10, 10))


def create_list(klaviyo: Account, request: Request) -> Answer:
    """POST: a new list."""
    attributes = data_of(klaviyo, request, "list")
    (name,) = need(klaviyo, attributes, "/data/attributes", "name")
    allow(klaviyo, attributes, ("name", "opt_in_process"), "list", "/data/attributes")
    number = klaviyo.add_list(str(name))
    if process := attributes.get("opt_in_process"):
        klaviyo.lists[number]["opt_in_process"] = process
    return one(request, list_shown(request, number, klaviyo.lists[number]), 201)


def get_list(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: one list."""
    return one(request, list_shown(request, number, list_of(klaviyo, number)))


def members_asked(klaviyo: Account, request: Request, number: str) -> tuple[dict[str, str], list[Any]]:
    """A list's members, and the profile ids that a body names. Raises Refusal."""
    members = list_of(klaviyo, number)["members"]
    return members, many(klaviyo, request.body, "", MEMBERS)


def add_members(klaviyo: Account, request: Request, number: str) -> Answer:
    """POST: put profiles onto a list, which is no consent."""
    members, items = members_asked(klaviyo, request, number)
    for place, item in enumerate(items):
        type_, profile_id = need(klaviyo, item, f"/data/{place}", "type", "id")
        if type_ != "profile" or profile_id not in klaviyo.profiles:
            raise klaviyo.refuse(404, f"A profile with id {profile_id} does not exist.", f"/data/{place}/id")
    for item in items:
        members.setdefault(item["id"], klaviyo.now())
    return Answer(status=204)


def remove_members(klaviyo: Account, request: Request, number: str) -> Answer:
    """DELETE: take profiles off a list, which leaves their consent as it is."""
    members, items = members_asked(klaviyo, request, number)
    for place, item in enumerate(items):
        members.pop(need(klaviyo, item, f"/data/{place}", "id")[0], None)
    return Answer(status=204)


def get_members(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: the profiles on a list, by id."""
    members = list(list_of(klaviyo, number)["members"])
    return document(page(klaviyo, request, members, lambda each: {"type": "profile", "id": each}, 20, 1000))


def get_member_profiles(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: the profiles on a list, whole."""
    check_query(
        klaviyo, request, "profile", ("additional-fields[profile]", "filter", "page[cursor]", "page[size]", "sort")
    )
    wanted = terms(klaviyo, request, {"email": ("equals", "any"), "phone_number": ("equals", "any")})
    members = list_of(klaviyo, number)["members"]
    found = [
        klaviyo.profiles[each]
        for each in members
        if all(passes(operator, klaviyo.profiles[each].attributes.get(name), value) for operator, name, value in wanted)
    ]

    def show(profile: Profile) -> dict[str, Any]:
        shown = profile_shown(request, profile)
        shown["attributes"]["joined_group_at"] = members[profile.id]
        return shown

    return document(page(klaviyo, request, found, show, 20, 100))


ROUTES = (
    Route("POST", "/api/profile-subscription-bulk-create-jobs", start_subscribing, ConsentBody, limits=per(75, 750)),
    Route("POST", "/api/profile-subscription-bulk-delete-jobs", start_unsubscribing, ConsentBody, limits=per(75, 750)),
    Route("POST", "/api/profile-suppression-bulk-create-jobs", start_suppressing, ConsentBody, limits=per(75, 750)),
    Route("GET", "/api/profile-suppression-bulk-create-jobs/{number}", get_suppressing, limits=per(75, 750)),
    Route("POST", "/api/profile-suppression-bulk-delete-jobs", start_unsuppressing, ConsentBody, limits=per(75, 750)),
    Route("GET", "/api/profile-suppression-bulk-delete-jobs/{number}", get_unsuppressing, limits=per(75, 750)),
    Route("GET", "/api/lists", list_lists, limits=per(75, 750)),
    Route("POST", "/api/lists", create_list, NewListBody, limits=per(10, 150)),
    Route("GET", "/api/lists/{number}", get_list, limits=per(75, 750)),
    Route("GET", "/api/lists/{number}/profiles", get_member_profiles, limits=per(75, 750)),
    Route("GET", "/api/lists/{number}/relationships/profiles", get_members, limits=per(75, 750)),
    Route("POST", "/api/lists/{number}/relationships/profiles", add_members, Many, limits=per(10, 150)),
    Route("DELETE", "/api/lists/{number}/relationships/profiles", remove_members, Many, limits=per(10, 150)),
)
