"""The shapes of the bodies that the simulated Klaviyo takes: types only, what is missing the routes say themselves."""

from typing import Any, TypedDict


class Reference(TypedDict, total=False):
    """A resource by its id."""

    type: str
    id: str


class One(TypedDict, total=False):
    """A relationship to one resource."""

    data: Reference


class Many(TypedDict, total=False):
    """A relationship to several, and the body of a change of members."""

    data: list[Reference]


class PatchProperties(TypedDict, total=False):
    """What is appended to, taken from and unset in properties."""

    append: dict[str, Any] | None
    unappend: dict[str, Any] | None
    unset: str | list[str] | None


class Meta(TypedDict, total=False):
    """What else a profile's body says."""

    patch_properties: PatchProperties | None


class Profile(TypedDict, total=False):
    """A profile; its attributes are checked one by one."""

    type: str
    id: str | None
    attributes: dict[str, Any]
    meta: Meta | None


class ProfileBody(TypedDict, total=False):
    """The body with one profile."""

    data: Profile


class ProfilesHolder(TypedDict, total=False):
    """Profiles as an attribute."""

    data: list[Profile]


class ImportAttributes(TypedDict, total=False):
    """What an import brings."""

    profiles: ProfilesHolder


class ImportRelationships(TypedDict, total=False):
    """Where an import puts people."""

    lists: Many


class ImportJob(TypedDict, total=False):
    """An import."""

    type: str
    attributes: ImportAttributes
    relationships: ImportRelationships


class ImportBody(TypedDict, total=False):
    """The body of an import."""

    data: ImportJob


class MergeRelationships(TypedDict, total=False):
    """What is merged."""

    profiles: Many


class Merge(TypedDict, total=False):
    """A merge."""

    type: str
    id: str
    relationships: MergeRelationships


class MergeBody(TypedDict, total=False):
    """The body of a merge."""

    data: Merge


class ErasureAttributes(TypedDict, total=False):
    """Who is erased."""

    profile: ProfileBody


class Erasure(TypedDict, total=False):
    """An erasure."""

    type: str
    attributes: ErasureAttributes


class ErasureBody(TypedDict, total=False):
    """The body of an erasure."""

    data: Erasure


class Marketing(TypedDict, total=False):
    """What is agreed to on a channel."""

    consent: str
    consented_at: str | None


class Person(TypedDict, total=False):
    """A person in a consent job."""

    email: str | None
    phone_number: str | None
    subscriptions: dict[str, dict[str, Marketing | None] | None] | None


class ConsentProfile(TypedDict, total=False):
    """A profile in a consent job."""

    type: str
    id: str | None
    attributes: Person


class ConsentHolder(TypedDict, total=False):
    """Profiles of a consent job."""

    data: list[ConsentProfile]


class ConsentAttributes(TypedDict, total=False):
    """What a consent job does."""

    profiles: ConsentHolder | None
    custom_source: str | None
    historical_import: bool | None


class ConsentRelationships(TypedDict, total=False):
    """The list of a consent job."""

    list: One | None


class ConsentJob(TypedDict, total=False):
    """A consent job."""

    type: str
    attributes: ConsentAttributes
    relationships: ConsentRelationships | None


class ConsentBody(TypedDict, total=False):
    """The body of a consent job."""

    data: ConsentJob


class NewListAttributes(TypedDict, total=False):
    """What a list is called."""

    name: str
    opt_in_process: str | None


class NewList(TypedDict, total=False):
    """A list."""

    type: str
    attributes: NewListAttributes


class NewListBody(TypedDict, total=False):
    """The body of a new list."""

    data: NewList


class Metric(TypedDict, total=False):
    """A metric by name."""

    type: str
    attributes: dict[str, Any]


class MetricHolder(TypedDict, total=False):
    """The metric of an event."""

    data: Metric


class EventAttributes(TypedDict, total=False):
    """What happened."""

    properties: dict[str, Any]
    metric: MetricHolder
    profile: ProfileBody
    time: str | None
    unique_id: str | None
    value_currency: str | None


class Event(TypedDict, total=False):
    """An event."""

    type: str
    attributes: EventAttributes


class EventBody(TypedDict, total=False):
    """The body with one event."""

    data: Event


class EventsHolder(TypedDict, total=False):
    """The events of one person."""

    data: list[Event]


class EntryAttributes(TypedDict, total=False):
    """A person and what happened to them."""

    profile: ProfileBody
    events: EventsHolder


class Entry(TypedDict, total=False):
    """One person in a bulk of events."""

    type: str
    attributes: EntryAttributes


class EntriesHolder(TypedDict, total=False):
    """The people of a bulk."""

    data: list[Entry]


BulkAttributes = TypedDict("BulkAttributes", {"events-bulk-create": EntriesHolder}, total=False)


class Bulk(TypedDict, total=False):
    """A bulk of events."""

    type: str
    attributes: BulkAttributes


class BulkBody(TypedDict, total=False):
    """The body of a bulk of events."""

    data: Bulk


class WebhookAttributes(TypedDict, total=False):
    """Where a webhook goes."""

    name: str | None
    endpoint_url: str | None
    secret_key: str | None
    enabled: bool | None


WebhookRelationships = TypedDict("WebhookRelationships", {"webhook-topics": Many}, total=False)


class Webhook(TypedDict, total=False):
    """A webhook."""

    type: str
    id: str | None
    attributes: WebhookAttributes
    relationships: WebhookRelationships


class WebhookBody(TypedDict, total=False):
    """The body with a webhook."""

    data: Webhook
