"""The simulated Klaviyo's profiles: one by one, by import, merged, erased."""

from typing import Any

import msgspec

from adapters.klaviyo.sandbox.asks import (
    LOCATION,
    PROFILE_ATTRIBUTES,
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
from adapters.klaviyo.sandbox.records import Profile
from adapters.klaviyo.sandbox.shapes import ErasureBody, ImportBody, MergeBody, ProfileBody
from adapters.klaviyo.sandbox.state import EMAIL, IDENTIFIERS, PHONE, Account
from adapters.sandbox.vendor import Answer, Refusal, Request, Route

KB = 1024
PROFILE_BYTES, BODY_BYTES = 100 * KB, 5 * KB * KB
IMPORT = 10_000
WRITABLE = (*PROFILE_ATTRIBUTES, "_kx", "location", "properties")
SUPPRESSION = "subscriptions.email.marketing.suppression"
LIST_SUPPRESSION = "subscriptions.email.marketing.list_suppressions"
EXACT, LATER = ("equals", "any"), ("greater-than", "less-than")
ORDERED = ("greater-or-equal", "greater-than", "less-or-equal", "less-than")
FILTERS = {
    "id": EXACT,
    "email": EXACT,
    "phone_number": EXACT,
    "external_id": EXACT,
    "_kx": ("equals",),
    "created": LATER,
    "updated": LATER,
    f"{SUPPRESSION}.reason": ("equals",),
    f"{SUPPRESSION}.timestamp": ORDERED,
    f"{LIST_SUPPRESSION}.reason": ("equals",),
    f"{LIST_SUPPRESSION}.timestamp": ORDERED,
    f"{LIST_SUPPRESSION}.list_id": ("equals",),
}
SORTS = ("id", "created", "updated", "email")
READ = ("additional-fields[profile]", "filter", "page[cursor]", "page[size]", "sort")


def checked(klaviyo: Account, attributes: dict[str, Any], pointer: str) -> dict[str, Any]:
    """The attributes of a profile, if all are right: one wrong phone number refuses the whole profile."""
    allow(klaviyo, attributes, WRITABLE, "profile", pointer)
    if len(msgspec.json.encode(attributes)) > PROFILE_BYTES:
        raise klaviyo.refuse(400, "A profile may have 100 KB.", pointer)
    for name, value in attributes.items():
        if value is None:
            continue
        if not isinstance(value, dict if name in ("location", "properties") else str):
            raise klaviyo.refuse(400, f"'{name}' has the wrong type.", f"{pointer}/{name}")
        if name == "email" and not EMAIL.fullmatch(str(value)):
            raise klaviyo.refuse(400, f"Invalid email address: {value}", f"{pointer}/email")
        if name == "phone_number" and not PHONE.fullmatch(str(value)):
            message = f"Invalid phone number format (Example of a valid format: +12345678901): {value}"
            raise klaviyo.refuse(400, message, f"{pointer}/phone_number")
    allow(klaviyo, attributes.get("location") or {}, LOCATION, "location", f"{pointer}/location")
    return attributes


def duplicate(klaviyo: Account, profile: Profile) -> Refusal:
    """The refusal of identifiers that another profile has."""
    return klaviyo.refuse(
        409,
        "A profile already exists with one of these identifiers.",
        "/data/attributes",
        code="duplicate_profile",
        meta={"duplicate_profile_id": profile.id},
    )


def profile_of(klaviyo: Account, number: str) -> Profile:
    """The profile that a path names; a merged one is gone. Raises Refusal."""
    if held := klaviyo.profiles.get(number):
        return held
    raise klaviyo.refuse(404, f"A profile with id {number} does not exist.")


def patch(profile: Profile, meta: Any) -> None:
    """Append to, take from and unset properties, as ``meta.patch_properties`` says."""
    wanted = (meta or {}).get("patch_properties") or {}
    properties = profile.attributes["properties"]
    for name, value in (wanted.get("append") or {}).items():
        held = properties.get(name, [])
        held = held if isinstance(held, list) else [held]
        properties[name] = held + (value if isinstance(value, list) else [value])
    for name, value in (wanted.get("unappend") or {}).items():
        gone = value if isinstance(value, list) else [value]
        properties[name] = [each for each in properties.get(name, []) if each not in gone]
    unset = wanted.get("unset") or []
    for name in [unset] if isinstance(unset, str) else unset:
        properties.pop(name, None)


def upsert(klaviyo: Account, data: Any, pointer: str = "/data") -> tuple[Profile, bool]:
    """The profile of an import, made or changed, and whether it is new. Raises Refusal."""
    attributes = checked(klaviyo, resource(klaviyo, data, "profile", pointer), f"{pointer}/attributes")
    number = data.get("id")
    if not number and not any(attributes.get(kind) for kind in IDENTIFIERS):
        raise klaviyo.refuse(400, "A profile needs an identifier.", f"{pointer}/attributes")
    found = klaviyo.matching(attributes, number)
    if len(found) > 1:
        raise duplicate(klaviyo, found[1])
    if number and not klaviyo.profiles.get(number):
        raise klaviyo.refuse(404, f"A profile with id {number} does not exist.", f"{pointer}/id")
    if found:
        klaviyo.change(found[0], attributes)
    profile = found[0] if found else klaviyo.new_profile(attributes)
    patch(profile, data.get("meta"))
    return profile, not found


def list_profiles(klaviyo: Account, request: Request) -> Answer:
    """GET: the profiles that pass the filter."""
    check_query(klaviyo, request, "profile", READ)
    wanted = terms(klaviyo, request, FILTERS)
    for _, name, value in wanted:
        if name in ("created", "updated") or name.endswith(".timestamp"):
            moment_of(klaviyo, value)  # refused here, whatever the account holds

    def fits(profile: Profile) -> bool:
        return all(term_holds(klaviyo, profile, *term) for term in wanted)

    sort = request.param("sort", "id")
    if sort.removeprefix("-") not in (*SORTS, f"{SUPPRESSION}.timestamp"):
        raise klaviyo.refuse(400, f"'{sort}' is not a valid sort.", parameter="sort")
    name = sort.removeprefix("-")
    found = [profile for profile in klaviyo.profiles.values() if fits(profile)]

    def place(profile: Profile) -> list[Any]:
        return [sort_key(profile, name), profile.id]

    found.sort(key=place, reverse=sort.startswith("-"))
    return document(page(klaviyo, request, found, lambda each: profile_shown(request, each), 20, 100, place))


def sort_key(profile: Profile, name: str) -> str:
    """What profiles are sorted by."""
    if name.endswith(".timestamp"):
        return max((each["timestamp"] for each in profile.email.suppression), default="")
    return str(vars(profile).get(name) or profile.attributes.get(name) or "")


def term_holds(klaviyo: Account, profile: Profile, operator: str, name: str, value: Any) -> bool:
    """Whether a profile passes one term of a filter."""
    for prefix, held in ((SUPPRESSION, profile.email.suppression), (LIST_SUPPRESSION, profile.email.list_suppressions)):
        if name.startswith(prefix + "."):
            key = name.removeprefix(prefix + ".")
            if key != "timestamp":
                return any(passes(operator, each[key], value) for each in held)
            limit = moment_of(klaviyo, value)
            return any(passes(operator, moment_of(klaviyo, each[key]), limit) for each in held)
    if name in ("created", "updated"):
        return passes(operator, moment_of(klaviyo, vars(profile)[name]), moment_of(klaviyo, value))
    held_value = profile.id if name == "id" else profile.attributes.get(name)
    if name == "email":
        value = [str(each).lower() for each in value] if isinstance(value, list) else str(value).lower()
    return passes(operator, held_value, value)


def get_profile(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: one profile."""
    check_query(klaviyo, request, "profile", READ[:1])
    return one(request, profile_shown(request, profile_of(klaviyo, number)))


def create_profile(klaviyo: Account, request: Request) -> Answer:
    """POST: a new profile; 409 where one of its identifiers is taken."""
    attributes = checked(klaviyo, data_of(klaviyo, request, "profile"), "/data/attributes")
    if not any(attributes.get(kind) for kind in IDENTIFIERS):
        raise klaviyo.refuse(400, "A profile needs an identifier.", "/data/attributes")
    if found := klaviyo.matching(attributes):
        raise duplicate(klaviyo, found[0])
    return one(request, profile_shown(request, klaviyo.new_profile(attributes)), 201)


def update_profile(klaviyo: Account, request: Request, number: str) -> Answer:
    """PATCH: change a profile; null clears, what is not there stays."""
    attributes = checked(klaviyo, data_of(klaviyo, request, "profile"), "/data/attributes")
    if request.body["data"].get("id") != number:
        raise klaviyo.refuse(400, "The id must be that of the path.", "/data/id")
    profile = profile_of(klaviyo, number)
    if others := [each for each in klaviyo.matching(attributes) if each is not profile]:
        raise duplicate(klaviyo, others[0])
    klaviyo.change(profile, attributes)
    patch(profile, request.body["data"].get("meta"))
    return one(request, profile_shown(request, profile))


def import_profile(klaviyo: Account, request: Request) -> Answer:
    """POST: create (201) or change (200) a profile by any of its identifiers."""
    (data,) = need(klaviyo, request.body, "", "data")
    profile, new = upsert(klaviyo, data)
    return one(request, profile_shown(request, profile), 201 if new else 200)


def start_import(klaviyo: Account, request: Request) -> Answer:
    """POST: import many profiles; it takes a moment, and bad ones are found in the job's errors."""
    attributes = data_of(klaviyo, request, "profile-bulk-import-job")
    if len(request.raw) > BODY_BYTES:
        raise klaviyo.refuse(413)
    (holder,) = need(klaviyo, attributes, "/data/attributes", "profiles")
    items = many(klaviyo, holder, "/data/attributes/profiles", IMPORT)
    relationships = request.body["data"].get("relationships") or {}
    lists = [each["id"] for each in (relationships.get("lists") or {}).get("data") or []]
    for number in lists:
        if number not in klaviyo.lists:
            raise klaviyo.refuse(404, f"A list with id {number} does not exist.", "/data/relationships/lists")
    number, job = klaviyo.new_job("profile-bulk-import-job", len(items))

    def run() -> None:
        for place, item in enumerate(items):
            try:
                profile, _ = upsert(klaviyo, item, f"/data/attributes/profiles/data/{place}")
            except Refusal as refusal:
                told = refusal.answer.body["errors"][0]
                error = {name: told[name] for name in ("code", "title", "detail", "source")}
                job["errors"].append({"id": told["id"], **error, "original_payload": item})
                continue
            for chosen in lists:
                klaviyo.lists[chosen]["members"].setdefault(profile.id, klaviyo.now())
        klaviyo.finish(job, len(job["errors"]))

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return one(request, job_shown(klaviyo, request, number), 202)


def job_shown(klaviyo: Account, request: Request, number: str) -> dict[str, Any]:
    """A job as the API shows it."""
    job = klaviyo.jobs[number]
    names = ["status", "created_at", "total_count", "completed_count", "completed_at"]
    names += (
        ("failed_count", "started_at", "expires_at") if job["kind"] == "profile-bulk-import-job" else ("skipped_count",)
    )
    return {
        "type": job["kind"],
        "id": number,
        "attributes": {name: job.get(name) for name in names},
        "links": {"self": f"{request.base}/api/{job['kind']}s/{number}/"},
    }


def job_of(klaviyo: Account, number: str, kind: str) -> dict[str, Any]:
    """The job that a path names. Raises Refusal."""
    job = klaviyo.jobs.get(number)
    if job is None or job["kind"] != kind:
        raise klaviyo.refuse(404, f"A job with id {number} does not exist.")
    return job


def get_import(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: how far an import is."""
    job_of(klaviyo, number, "profile-bulk-import-job")
    return one(request, job_shown(klaviyo, request, number))


def get_import_errors(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: what an import could not take."""
    job = job_of(klaviyo, number, "profile-bulk-import-job")

    def show(error: dict[str, Any]) -> dict[str, Any]:
        rest = {name: value for name, value in error.items() if name != "id"}
        return {"type": "import-error", "id": error["id"], "attributes": rest}

    return document(page(klaviyo, request, job["errors"], show, 20, 100))


def merge(klaviyo: Account, request: Request) -> Answer:
    """POST: move one profile into another, which takes a moment and cannot be undone."""
    (data,) = need(klaviyo, request.body, "", "data")
    type_, number, relationships = need(klaviyo, data, "/data", "type", "id", "relationships")
    (holder,) = need(klaviyo, relationships, "/data/relationships", "profiles")
    sources = many(klaviyo, holder, "/data/relationships/profiles", 1)
    if type_ != "profile-merge":
        raise klaviyo.refuse(400, f"'{type_}' is not 'profile-merge'.", "/data/type")
    destination, source = profile_of(klaviyo, number), profile_of(klaviyo, sources[0].get("id", ""))
    if destination is source:
        raise klaviyo.refuse(400, "A profile cannot be merged into itself.")

    def run() -> None:
        if source.id in klaviyo.profiles and destination.id in klaviyo.profiles:
            klaviyo.merge(source, destination, "Merged via API", by_api=True)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    links = {"self": f"{request.base}/api/profiles/{number}/"}
    return document({"data": {"type": "profile", "id": number, "links": links}, "links": links}, 201)


def erase(klaviyo: Account, request: Request) -> Answer:
    """POST: erase all profiles with one identifier, and their events; it takes a moment."""
    attributes = data_of(klaviyo, request, "data-privacy-deletion-job")
    (holder,) = need(klaviyo, attributes, "/data/attributes", "profile")
    (data,) = need(klaviyo, holder, "/data/attributes/profile", "data")
    person = resource(klaviyo, data, "profile", "/data/attributes/profile/data")
    allow(klaviyo, person, ("email", "phone_number"), "profile", "/data/attributes/profile/data/attributes")
    given = {name: value for name, value in {**person, "id": data.get("id")}.items() if value}
    if len(given) != 1:
        raise klaviyo.refuse(400, "Exactly one identifier must be given.", "/data/attributes/profile")

    def run() -> None:
        for profile in klaviyo.matching(given, given.get("id")):
            klaviyo.forget(profile)

    klaviyo.later(klaviyo.settings.job_seconds, run)
    return Answer(status=202, raw=b"", content_type="application/vnd.api+json")


def lists_of_profile(klaviyo: Account, request: Request, number: str) -> Answer:
    """GET: the lists that a profile is on."""
    profile_of(klaviyo, number)
    on = [(each, held) for each, held in klaviyo.lists.items() if number in held["members"]]
    return document(
        {"data": [list_shown(request, *each) for each in on], "links": {"self": request.base + request.path}}
    )


def per(burst: int, steady: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """Klaviyo's limits of a route: calls in a second, and in a minute."""
    return (burst, 1.0), (steady, 60.0)


ROUTES = (
    Route("GET", "/api/profiles", list_profiles, limits=per(75, 750)),
    Route("POST", "/api/profiles", create_profile, ProfileBody, limits=per(75, 750)),
    Route("GET", "/api/profiles/{number}", get_profile, limits=per(75, 750)),
    Route("PATCH", "/api/profiles/{number}", update_profile, ProfileBody, limits=per(75, 750)),
    Route("GET", "/api/profiles/{number}/lists", lists_of_profile, limits=per(3, 60)),
    Route("POST", "/api/profile-import", import_profile, ProfileBody, limits=per(75, 750)),
    Route("POST", "/api/profile-bulk-import-jobs", start_import, ImportBody, limits=per(10, 150)),
    Route("GET", "/api/profile-bulk-import-jobs/{number}", get_import, limits=per(10, 150)),
    Route("GET", "/api/profile-bulk-import-jobs/{number}/import-errors", get_import_errors, limits=per(10, 150)),
    Route("POST", "/api/profile-merge", merge, MergeBody, limits=per(10, 150)),
    Route("POST", "/api/data-privacy-deletion-jobs", erase, ErasureBody, limits=per(3, 60)),
)
