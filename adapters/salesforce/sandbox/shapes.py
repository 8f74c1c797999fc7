"""What records of the simulated organisation have, and how it refuses."""

from typing import Any

import msgspec

_SYSTEM = {
    "Id": "id",
    "IsDeleted": "boolean",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
    "CreatedById": "reference",
}
_PERSON = {
    **_SYSTEM,
    "MasterRecordId": "reference",
    "Salutation": "picklist",
    "FirstName": "string",
    "LastName": "string",
    "Title": "string",
    "Email": "email",
    "Phone": "phone",
    "MobilePhone": "phone",
    "LeadSource": "picklist",
    "OwnerId": "reference",
    "HasOptedOutOfEmail": "boolean",
    "DoNotCall": "boolean",
    "EmailBouncedDate": "datetime",
    "EmailBouncedReason": "string",
    "Tier__c": "picklist",
    "Score__c": "double",
}
KINDS: dict[str, dict[str, str]] = {
    "Lead": {
        **_PERSON,
        "Company": "string",
        "Website": "url",
        "Street": "textarea",
        "City": "string",
        "State": "string",
        "PostalCode": "string",
        "Country": "string",
        "Industry": "picklist",
        "NumberOfEmployees": "int",
        "Status": "picklist",
        "IsConverted": "boolean",
        "ConvertedDate": "date",
        "ConvertedContactId": "reference",
        "ConvertedAccountId": "reference",
        "ConvertedOpportunityId": "reference",
    },
    "Contact": {
        **_PERSON,
        "AccountId": "reference",
        "MailingStreet": "textarea",
        "MailingCity": "string",
        "MailingState": "string",
        "MailingPostalCode": "string",
        "MailingCountry": "string",
    },
    "Account": {
        **_SYSTEM,
        "Name": "string",
        "Website": "url",
        "Industry": "picklist",
        "NumberOfEmployees": "int",
    },
    "Task": {
        **_SYSTEM,
        "WhoId": "reference",
        "Subject": "combobox",
        "Description": "textarea",
        "Status": "picklist",
        "Priority": "picklist",
        "ActivityDate": "date",
        "OwnerId": "reference",
        "IsClosed": "boolean",
        "CompletedDateTime": "datetime",
    },
    "Event": {
        **_SYSTEM,
        "WhoId": "reference",
        "Subject": "combobox",
        "StartDateTime": "datetime",
        "EndDateTime": "datetime",
        "ActivityDate": "date",
        "OwnerId": "reference",
        "IsPrivate": "boolean",
        "IsChild": "boolean",
        "IsRecurrence": "boolean",
    },
    "Opportunity": {
        **_SYSTEM,
        "Name": "string",
        "StageName": "picklist",
        "Amount": "currency",
        "IsClosed": "boolean",
        "IsWon": "boolean",
        "OwnerId": "reference",
        "LastStageChangeDate": "datetime",
    },
    "OpportunityContactRole": {**_SYSTEM, "OpportunityId": "reference", "ContactId": "reference"},
    "Campaign": {**_SYSTEM, "Name": "string"},
    "CampaignMember": {**_SYSTEM, "CampaignId": "reference", "LeadId": "reference", "ContactId": "reference"},
    "User": {**_SYSTEM, "Email": "email", "IsActive": "boolean"},
    "LeadHistory": {**_SYSTEM, "LeadId": "reference", "Field": "picklist"},
    "ContactHistory": {**_SYSTEM, "ContactId": "reference", "Field": "picklist"},
}
PREFIXES = {
    "Lead": "00Q",
    "Contact": "003",
    "Account": "001",
    "Task": "00T",
    "Event": "00U",
    "Opportunity": "006",
    "OpportunityContactRole": "00K",
    "Campaign": "701",
    "CampaignMember": "00v",
    "User": "005",
    "LeadHistory": "017",
    "ContactHistory": "018",
}
# What only Salesforce itself writes
_READ_ONLY = frozenset(
    (
        *_SYSTEM,
        *("MasterRecordId", "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedAccountId"),
        *("ConvertedOpportunityId", "IsClosed", "IsWon", "CompletedDateTime", "EmailBouncedDate", "EmailBouncedReason"),
        "LastStageChangeDate",
    )
)
RELATIONS = {"Owner": "OwnerId", "Account": "AccountId", "Opportunity": "OpportunityId"}
PICKLISTS = {
    "Status": ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"),
    "Tier__c": ("hot", "warm", "cold"),  # restricted: takes no other
}
LENGTHS = {"Phone": 40, "FirstName": 40, "LastName": 80, "Company": 255, "Title": 128}


class Problem(Exception):
    """Why a record, or a whole call, is refused."""

    def __init__(self, code: str, message: str, *fields: str, status: int = 400, **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.fields, self.status, self.more = code, message, list(fields), status, more

    def of_call(self) -> list[dict[str, Any]]:
        """As the answer to a whole call."""
        return [{"message": self.message, "errorCode": self.code, "fields": self.fields}]

    def of_record(self) -> dict[str, Any]:
        """As what became of one record of a collection."""
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields, **self.more}
        return {"success": False, "errors": [error]}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The organisation's settings. An empty secret accepts any. ``hidden`` are fields that the connection's user does
    not see, ``read_only`` some that it sees and may not write, ``external_id`` is a field of the team's own;
    ``duplicate_rule`` is "", "warn" or "block", and finds people of the same last name and company."""

    client_secret: str = ""
    calls_per_day: int = 100_000
    page: int = 2_000  # records that a query answers at most
    hidden: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    external_id: str = ""
    duplicate_rule: str = ""


def writable(name: str, settings: Settings) -> bool:
    """Whether calls may write a field."""
    return name not in _READ_ONLY and name not in settings.read_only


def described(kind: str, settings: Settings) -> dict[str, str]:
    """The fields of a kind that the connection's user sees, with their types."""
    own = {settings.external_id: "string"} if settings.external_id and kind in ("Lead", "Contact") else {}
    return {name: type_ for name, type_ in {**KINDS[kind], **own}.items() if name not in settings.hidden}
