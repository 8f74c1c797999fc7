"""The shapes of the bodies that the simulated HubSpot takes: types only, what is missing the routes say themselves."""

from typing import TypedDict

Id = str | int
Scalar = str | int | float | bool | None


class Reference(TypedDict, total=False):
    """A record by its id."""

    id: Id


class Kind(TypedDict, total=False):
    """The type of an association."""

    associationCategory: str
    associationTypeId: int


class Link(TypedDict, total=False):
    """An association that a new record is to have."""

    to: Reference
    types: list[Kind]


Item = TypedDict(
    "Item",
    {
        "id": Id | None,
        "idProperty": str | None,
        "properties": dict[str, Scalar] | None,
        "associations": list[Link] | None,
        "objectWriteTraceId": Id | None,
        "from": Reference,
        "to": Reference,
    },
    total=False,
)


class Batch(TypedDict, total=False):
    """Several records."""

    inputs: list[Item]
    idProperty: str | None
    properties: list[str] | None
    propertiesWithHistory: list[str] | None


class Filter(TypedDict, total=False):
    """One condition of a search."""

    propertyName: str
    operator: str
    value: Scalar
    highValue: Scalar
    values: list[str]


class Group(TypedDict, total=False):
    """Conditions that must all hold."""

    filters: list[Filter]


class Sort(TypedDict, total=False):
    """What search sorts by."""

    propertyName: str
    direction: str


class Search(TypedDict, total=False):
    """A search."""

    filterGroups: list[Group]
    sorts: list[str | Sort]
    properties: list[str] | None
    query: str | None
    limit: int | None
    after: Id | None


class Merge(TypedDict, total=False):
    """Two contacts."""

    primaryObjectId: Id
    objectIdToMerge: Id


class Erasure(TypedDict, total=False):
    """A contact to erase."""

    objectId: Id
    idProperty: str | None


class Choice(TypedDict, total=False):
    """An option of an enumeration."""

    label: str
    value: str
    hidden: bool
    displayOrder: int


class NewProperty(TypedDict, total=False):
    """A property, or what changes in one."""

    name: str
    label: str | None
    type: str
    fieldType: str
    groupName: str
    description: str | None
    hasUniqueValue: bool | None
    options: list[Choice]


class NewGroup(TypedDict, total=False):
    """A property group."""

    name: str
    label: str


class NewList(TypedDict, total=False):
    """A list."""

    name: str
    processingType: str
    objectTypeId: str


class ListSearch(TypedDict, total=False):
    """Which lists are wanted."""

    query: str | None
    offset: int | None
    count: int | None


class Exchange(TypedDict, total=False):
    """Who goes onto a list, and who off it."""

    recordIdsToAdd: list[Id]
    recordIdsToRemove: list[Id]


class Status(TypedDict, total=False):
    """What a person wants of one subscription."""

    subscriberIdString: str
    subscriptionId: Id
    statusState: str
    channel: str
    legalBasis: str | None
    legalBasisExplanation: str | None


class Statuses(TypedDict, total=False):
    """What several people want."""

    inputs: list[Status]


class Emails(TypedDict, total=False):
    """Several people."""

    inputs: list[str]


class OldStatus(TypedDict, total=False):
    """The same as a status, in version 3."""

    emailAddress: str
    subscriptionId: Id
    legalBasis: str | None
    legalBasisExplanation: str | None


Ids = list[Id]


class Mail(TypedDict, total=False):
    """Whom a single e-mail goes to."""

    to: str
    sendId: str | None
    cc: list[str]
    bcc: list[str]
    replyTo: list[str]


class SingleSend(TypedDict, total=False):
    """One e-mail to one person."""

    emailId: int
    message: Mail
    contactProperties: dict[str, str]
    customProperties: dict[str, object]
