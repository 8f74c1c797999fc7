"""What people do in the simulated organisation's screens."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from adapters.salesforce.names import full_id
from adapters.salesforce.sandbox.records import Record, Records
from adapters.salesforce.sandbox.shapes import Problem


class Salesforce(Records):
    """The simulated organisation."""

    def person(self, who: str) -> Record:
        """A living record by id or address: the contact before the lead. Raises ValueError."""
        for kind in ("Contact", "Lead"):
            for one in self.records[kind].values():
                living = not one["IsDeleted"] and not one.get("IsConverted")
                if living and who.lower() in (one["Id"].lower(), str(one.get("Email") or "").lower()):
                    return one
        raise ValueError(f"Salesforce has no {who}")

    def _do(self, what: Callable[[], Record]) -> str:
        try:
            return str(what()["Id"])
        except Problem as problem:
            raise ValueError(str(problem)) from None

    def add(self, email: str, last_name: str = "Doe", company: str = "Acme", **fields: Any) -> str:
        """A rep enters a lead."""
        said = {"Email": email, "LastName": last_name, "Company": company, **fields}
        return self._do(lambda: self.make("Lead", said))

    def add_contact(self, email: str, last_name: str = "Doe", account: str = "Acme", **fields: Any) -> str:
        """A rep enters a contact of an account."""
        at = next((one["Id"] for one in self.records["Account"].values() if one["Name"] == account), "")
        at = at or self._do(lambda: self.make("Account", {"Name": account}))
        said = {"Email": email, "LastName": last_name, "AccountId": at, **fields}
        return self._do(lambda: self.make("Contact", said))

    def edit(self, who: str, **fields: Any) -> str:
        """A rep changes a lead or contact."""
        return self._do(lambda: self.change(self.person(who)["Id"], fields))

    def convert(self, email: str, opportunity: str = "") -> str:
        """A rep converts a lead, into an opportunity too where one is named; the contact's id."""
        lead = self.person(email)
        contact = self.add_contact(email, lead["LastName"], lead["Company"], FirstName=lead["FirstName"])
        deal = self.open_deal(contact, opportunity) if opportunity else None
        lead |= {"IsConverted": True, "Status": "Closed - Converted", "ConvertedContactId": contact}
        lead |= {"ConvertedOpportunityId": deal, "ConvertedDate": self.now()[:10]}
        lead |= {"LastModifiedDate": self.now(), "SystemModstamp": self.now()}
        self.tell("Lead", lead, by_api=False)
        return contact

    def merge(self, winner: str, loser: str) -> str:
        """A rep merges two records of a kind."""
        left, gone = self.person(winner), self.person(loser)
        self.remove(gone["Id"])
        gone["MasterRecordId"] = left["Id"]
        return self._do(lambda: self.change(left["Id"], {}))

    def delete(self, who: str) -> str:
        """A rep deletes a record."""
        return self._do(lambda: self.remove(self.person(who)["Id"]))

    def add_task(self, who: str, subject: str = "Call", due: str = "2030-01-01") -> str:
        """A rep gives themselves something to do with somebody."""
        said = {"WhoId": self.person(who)["Id"], "Subject": subject, "Status": "Not Started", "ActivityDate": due}
        return self._do(lambda: self.make("Task", said))

    def complete(self, task: str) -> str:
        """A rep has done it."""
        return self._do(lambda: self.change(task, {"Status": "Completed"}))

    def book(self, who: str, at: str, until: str = "", subject: str = "Demo", **more: Any) -> str:
        """A rep makes an appointment with somebody."""
        times = {"StartDateTime": at, "EndDateTime": until or at, "ActivityDate": at[:10]}
        said = {"WhoId": self.person(who)["Id"], "Subject": subject, **times, **more}
        return self._do(lambda: self.make("Event", said))

    def move(self, meeting: str, at: str, until: str = "") -> str:
        """A rep puts it off."""
        times = {"StartDateTime": at, "EndDateTime": until or at, "ActivityDate": at[:10]}
        return self._do(lambda: self.change(meeting, times))

    def call_off(self, meeting: str) -> str:
        """A rep takes it out of the calendar."""
        return self._do(lambda: self.remove(meeting))

    def open_deal(self, who: str, name: str = "Deal", stage: str = "Prospecting", amount: float = 0.0) -> str:
        """A rep opens an opportunity with a contact."""
        said = {"Name": name, "StageName": stage, "Amount": amount}
        deal = self._do(lambda: self.make("Opportunity", said))
        role = {"OpportunityId": deal, "ContactId": self.person(who)["Id"]}
        self._do(lambda: self.make("OpportunityContactRole", role))
        return deal

    def move_deal(self, deal: str, stage: str) -> str:
        """A rep moves an opportunity."""
        return self._do(lambda: self.change(deal, {"StageName": stage}))

    def add_user(self, email: str) -> str:
        """An admin adds a user."""
        return self._do(lambda: self.make("User", {"Email": email, "IsActive": True}))

    def add_campaign(self, name: str) -> str:
        """A marketer makes a campaign."""
        return self._do(lambda: self.make("Campaign", {"Name": name}))

    def bounce(self, who: str, reason: str = "550 no such user") -> str:
        """A rep's mail comes back."""
        said = {"EmailBouncedDate": self.now(), "EmailBouncedReason": reason}
        return self._do(lambda: self.change(self.person(who)["Id"], said))

    def remember(self, name: str, field: str, at: str) -> str:
        """The field history says that a field was changed then."""
        kind = "Lead" if name in self.records["Lead"] else "Contact"
        return self._do(lambda: self.make(f"{kind}History", {f"{kind}Id": name, "Field": field, "CreatedDate": at}))

    def end_sessions(self) -> None:
        """An admin ends all sessions."""
        self.tokens.clear()

    def held(self, name: str) -> Record:
        """A record by its id, however it stands. Raises ValueError."""
        found = self.get(full_id(name))
        if found is None:
            raise ValueError(f"Salesforce has no {name}")
        return found

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "add": add,
        "add_contact": add_contact,
        "edit": edit,
        "convert": convert,
        "merge": merge,
        "delete": delete,
        "add_task": add_task,
        "complete": complete,
        "book": book,
        "move": move,
        "call_off": call_off,
        "open_deal": open_deal,
        "move_deal": move_deal,
        "add_user": add_user,
        "add_campaign": add_campaign,
        "bounce": bounce,
        "remember": remember,
        "end_sessions": end_sessions,
    }
