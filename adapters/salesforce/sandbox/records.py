"""The records of the simulated organisation: asked for, made, changed and deleted by calls, as the real one does."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from adapters.salesforce.names import full_id
from adapters.salesforce.sandbox import soql
from adapters.salesforce.sandbox.edge import API, TOKEN, Edge
from adapters.salesforce.sandbox.shapes import (
    KINDS,
    LENGTHS,
    PICKLISTS,
    PREFIXES,
    RELATIONS,
    Problem,
    described,
    writable,
)
from adapters.sandbox.vendor import SHOWN, Answer, Columns, Request, Route

MOST = 200  # records in a collection
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TEXTS = frozenset(("string", "email", "phone", "url", "textarea", "picklist", "combobox", "reference"))
_REQUIRED = {"Lead": ("LastName", "Company"), "Contact": ("LastName",), "CampaignMember": ("CampaignId",)}

Record = dict[str, Any]


class Records(Edge):
    """What an organisation holds, and the calls that see and change it."""

    def clear(self) -> None:
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
        self.tokens = set()
        self.made = self.numbers.randrange(10**6)
        self.user = ""  # who made the first record is nobody
        self.user = self.make("User", {"Email": "baton@crm.example", "IsActive": True})["Id"]

    def state(self) -> dict[str, Any]:
        return {kind: list(held.values()) for kind, held in self.records.items()}

    def overview(self) -> list[Columns]:
        people = [*self.records["Lead"].values(), *self.records["Contact"].values()]
        rows = [[one["Id"], one.get("Email"), one.get("LastName"), _standing(one)] for one in people[-SHOWN:]]
        tasks = list(self.records["Task"].values())
        told = [[one.get("WhoId"), one.get("Subject"), one.get("Status")] for one in tasks[-SHOWN:][::-1]]
        return [
            ("Leads and contacts", ["id", "address", "last name", "now"], rows, len(people)),
            ("Tasks", ["about", "subject", "status"], told, len(tasks)),
        ]

    # --- asking

    def query(self, request: Request) -> Answer:
        return self._query(request, deleted=False)

    def query_all(self, request: Request) -> Answer:
        return self._query(request, deleted=True)

    def _query(self, request: Request, deleted: bool) -> Answer:
        try:
            asked = soql.read(request.param("q"))
            if asked.kind not in KINDS:
                raise Problem("INVALID_TYPE", f"sObject type '{asked.kind}' is not supported.")
            for name in (*asked.fields, *asked.columns):
                self._see_column(asked.kind, name)
        except soql.Malformed as error:
            raise self.refuse(Problem("MALFORMED_QUERY", str(error))) from None
        except Problem as problem:
            raise self.refuse(problem) from None
        found = [
            one
            for one in self.records[asked.kind].values()
            if (deleted or not one["IsDeleted"]) and asked.holds(one, self.look)
        ]
        for name, greatest_first in reversed(asked.order):
            found.sort(key=lambda one: str(self.look(one, name) or ""), reverse=greatest_first)
        found = found[: asked.limit]
        shown = [self._shown(asked.kind, one, asked.fields) for one in found[: self.settings.page]]
        rest = {} if len(shown) == len(found) else {"nextRecordsUrl": f"{API}/query/0r8000000000001-{len(shown)}"}
        return Answer(body={"totalSize": len(found), "done": not rest, "records": shown, **rest})

    def _see_column(self, kind: str, name: str) -> None:
        relation, dot, rest = name.partition(".")
        known = described(kind, self.settings)
        if (RELATIONS.get(relation) if dot else name) not in known:
            raise Problem("INVALID_FIELD", f"No such column '{name}' on entity '{kind}'.")
        if dot and rest == "Type" and kind == "Contact":
            raise Problem("INVALID_FIELD", f"No such column '{rest}' on entity 'User'.")

    def look(self, record: Mapping[str, Any], column: str) -> Any:
        """What stands in a column of a record, be it another's."""
        relation, dot, rest = column.partition(".")
        if not dot:
            return record.get(column)
        other = self.get(str(record.get(RELATIONS[relation]) or ""))
        return self.look(other, rest) if other else None

    def _shown(self, kind: str, record: Record, fields: list[str]) -> Record:
        shown: Record = {"attributes": {"type": kind, "url": f"{API}/sobjects/{kind}/{record['Id']}"}}
        for name in fields:
            self._show(shown, record, name)
        return shown

    def _show(self, shown: Record, record: Mapping[str, Any], name: str) -> None:
        relation, dot, rest = name.partition(".")
        if not dot:
            shown[name] = record.get(name)
        elif (other := self.get(str(record.get(RELATIONS[relation]) or ""))) is None:
            shown[relation] = None
        else:
            self._show(shown.setdefault(relation, {}), other, rest)

    def get(self, name: str) -> Record | None:
        """A record by its id."""
        return next((held[name] for held in self.records.values() if name in held), None)

    def describe(self, request: Request, kind: str) -> Answer:
        if kind not in KINDS:
            raise self.refuse(Problem("NOT_FOUND", "The requested resource does not exist", status=404))
        fields = [
            {
                "name": name,
                "label": name.removesuffix("__c"),
                "type": type_,
                "createable": writable(name, self.settings),
                "updateable": writable(name, self.settings),
                "picklistValues": [{"value": one, "active": True} for one in PICKLISTS.get(name, ())],
            }
            for name, type_ in described(kind, self.settings).items()
        ]
        return Answer(body={"name": kind, "fields": fields})

    # --- saving

    def update_many(self, request: Request) -> Answer:
        return self._each(request, lambda one, allow: self.change(str(one.pop("id", "")), one, by_api=True))

    def create_many(self, request: Request) -> Answer:
        return self._each(request, lambda one, allow: self._made(self._kind(one), one, allow))

    def upsert_many(self, request: Request, kind: str, field: str) -> Answer:
        if field != self.settings.external_id:
            message = "Provided external ID field does not exist or is not accessible: " + field
            raise self.refuse(Problem("NOT_FOUND", message, status=404))

        def save(one: Record, allow: bool) -> Record:
            held = [known for known in self.records[kind].values() if known.get(field) == one.get(field)]
            if held:
                return self.change(held[0]["Id"], one, by_api=True)
            return self._made(kind, one, allow)

        return self._each(request, save)

    def delete_many(self, request: Request) -> Answer:
        names = request.params("ids")
        self._see_number(len(names))
        return Answer(body=[self._result(partial(self.remove, name)) for name in names])

    def create_one(self, request: Request, kind: str) -> Answer:
        try:
            self._see_types(kind, request.body)
            made = self._made(kind, dict(request.body), False)
        except Problem as problem:
            raise self.refuse(problem) from None
        return Answer(status=201, body={"id": made["Id"], "success": True, "errors": []})

    def _each(self, request: Request, save: Callable[[Record, bool], Record]) -> Answer:
        records = request.body.get("records") or []
        self._see_number(len(records))
        try:
            for one in records:
                self._see_types(self._kind(one), one)
        except Problem as problem:
            raise self.refuse(problem) from None
        allow = "allowsave=true" in request.headers.get("sforce-duplicate-rule-header", "").lower()
        named: set[str] = set()
        results = []
        for one in records:
            fields = {name: value for name, value in one.items() if name != "attributes"}
            fields["attributes"] = one["attributes"]
            if (name := str(one.get("id") or "")) in named:
                results.append(Problem("DUPLICATE_VALUE", f"duplicate id in list: {name}").of_record())
                continue
            named |= {name} if name else set()
            results.append(self._result(partial(save, fields, allow)))
        return Answer(body=results)

    def _see_number(self, count: int) -> None:
        if count > MOST:
            raise self.refuse(Problem("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records"))

    @staticmethod
    def _kind(one: Mapping[str, Any]) -> str:
        kind = (one.get("attributes") or {}).get("type")
        if kind not in KINDS:
            raise Problem("INVALID_INPUT", "attributes.type is missing or unknown")
        return str(kind)

    def _see_types(self, kind: str, one: Mapping[str, Any]) -> None:
        """Raise Problem for the whole call: a value that is not of its field's type cannot even be read."""
        known = described(kind, self.settings)
        for name, value in one.items():
            if name in ("attributes", "id") or value is None:
                continue
            if name not in known:
                raise Problem("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
            wrong = isinstance(value, bool) != (known[name] == "boolean") or (
                known[name] in _TEXTS and not isinstance(value, str)
            )
            if wrong:
                raise Problem("JSON_PARSER_ERROR", f"Cannot deserialize instance of {known[name]} from {value!r}")

    @staticmethod
    def _result(save: Callable[[], Record]) -> Record:
        try:
            return {"id": save()["Id"], "success": True, "errors": []}
        except Problem as problem:
            return problem.of_record()

    def _made(self, kind: str, fields: Record, allow: bool) -> Record:
        fields.pop("attributes", None)
        if kind == "Lead":
            self._see_duplicates(fields, allow)
        if kind == "CampaignMember":
            self._see_member(fields)
        if kind == "Task" and (who := self.get(str(fields.get("WhoId") or ""))) and who.get("IsConverted"):
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "cannot reference converted lead", "WhoId")
        return self.make(kind, fields, by_api=True)

    def _see_duplicates(self, fields: Mapping[str, Any], allow: bool) -> None:
        rule = self.settings.duplicate_rule
        if not rule or (rule == "warn" and allow):
            return
        same = [
            one["Id"]
            for one in self.records["Lead"].values()
            if not one["IsDeleted"] and all(one.get(name) == fields.get(name) for name in ("LastName", "Company"))
        ]
        if same:
            matches = [{"matchRecords": [{"record": {"Id": name}} for name in same]}]
            result = {"allowSave": rule == "warn", "matchResults": matches}
            raise Problem("DUPLICATES_DETECTED", "Use one of these records?", duplicateResult=result)

    def _see_member(self, fields: Mapping[str, Any]) -> None:
        for one in self.records["CampaignMember"].values():
            if not one["IsDeleted"] and all(
                one.get(name) == fields.get(name) for name in ("CampaignId", "LeadId", "ContactId")
            ):
                raise Problem("DUPLICATE_VALUE", "Already a campaign member.")

    # --- what calls and people do alike

    def make(self, kind: str, fields: Mapping[str, Any], by_api: bool = False) -> Record:
        """A new record. Raises Problem."""
        for name in _REQUIRED.get(kind, ()):
            if not fields.get(name):
                raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", name)
        self._check(kind, fields, by_api)
        self.made += 1
        number, digits = self.made, ""
        while number:
            number, digit = divmod(number, len(_LETTERS))
            digits = _LETTERS[digit] + digits
        name = full_id(f"{PREFIXES[kind]}5g0{digits:0>9}")
        held: Record = dict.fromkeys(KINDS[kind]) | {"Id": name, "IsDeleted": False, "CreatedDate": self.now()}
        held |= {one: False for one, type_ in KINDS[kind].items() if type_ == "boolean"}
        held |= {"CreatedById": self.user} | ({"OwnerId": self.user} if "OwnerId" in KINDS[kind] else {})
        held |= {"Status": "Open - Not Contacted"} if kind == "Lead" else {}
        self.records[kind][name] = held
        self._write(kind, held, fields, by_api)
        return held

    def change(self, name: str, fields: Mapping[str, Any], by_api: bool = False) -> Record:
        """A record with other values. Raises Problem."""
        name, held = full_id(name), self.get(full_id(name))
        if held is None:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if held["IsDeleted"]:
            raise Problem("ENTITY_IS_DELETED", "entity is deleted")
        if held.get("IsConverted"):
            raise Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        kind = next(kind for kind, prefix in PREFIXES.items() if name.startswith(prefix))
        fields = {field: value for field, value in fields.items() if field != "attributes"}
        for field in _REQUIRED.get(kind, ()):
            if field in fields and not fields[field]:
                raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field}]", field)
        self._check(kind, fields, by_api)
        self._write(kind, held, fields, by_api)
        return held

    def remove(self, name: str) -> Record:
        """A record in the recycle bin. Raises Problem."""
        held = self.get(full_id(name))
        if held is None or held["IsDeleted"]:
            raise Problem("ENTITY_IS_DELETED", "entity is deleted")
        held |= {"IsDeleted": True, "SystemModstamp": self.now(), "LastModifiedDate": self.now()}
        return held

    def _check(self, kind: str, fields: Mapping[str, Any], by_api: bool) -> None:
        for name, value in fields.items():
            if by_api and not writable(name, self.settings):
                raise Problem("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {name}", name)
            if isinstance(value, str) and len(value) > LENGTHS.get(name, 32_000):
                raise Problem("STRING_TOO_LONG", f"{name}: data value too large: {value[:20]}", name)
            if name == "Tier__c" and value is not None and value not in PICKLISTS[name]:
                message = f"{name}: bad value for restricted picklist field: {value}"
                raise Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, name)
            if name == "Email" and value and "@" not in value:
                raise Problem("INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {value}", name)

    def _write(self, kind: str, held: Record, fields: Mapping[str, Any], by_api: bool) -> None:
        held |= fields
        if kind == "Task":
            held["IsClosed"] = held["Status"] == "Completed"
            held["CompletedDateTime"] = self.now() if held["IsClosed"] else None
        if kind == "Opportunity" and "StageName" in fields:
            held |= {"IsClosed": held["StageName"].startswith("Closed"), "IsWon": held["StageName"] == "Closed Won"}
            held["LastStageChangeDate"] = self.now()
        held |= {"LastModifiedDate": self.now(), "SystemModstamp": self.now()}
        self.tell(kind, held, by_api)

    def tell(self, kind: str, held: Mapping[str, Any], by_api: bool) -> None:
        """Send what was changed to whoever wants to hear of records of its kind."""
        for sender in self.hooks.values():
            if sender.hook.wants(kind) and (sender.hook.echo or not by_api) and kind in ("Lead", "Contact", "Task"):
                self.made += 1
                sender.add([(full_id(f"04l5g0{self.made:09d}"), dict(held))])

    def now(self) -> str:
        """The time as Salesforce writes it, to the second."""
        return datetime.fromtimestamp(int(self.clock()), UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    routes: ClassVar = (
        Route("POST", TOKEN, Edge.log_in),
        Route("GET", f"{API}/limits", Edge.limits),
        Route("GET", f"{API}/query", query),
        Route("GET", f"{API}/queryAll", query_all),
        Route("GET", f"{API}/sobjects/{{kind}}/describe", describe),
        Route("POST", f"{API}/sobjects/{{kind}}", create_one, dict[str, Any]),
        Route("PATCH", f"{API}/composite/sobjects", update_many, dict[str, Any]),
        Route("POST", f"{API}/composite/sobjects", create_many, dict[str, Any]),
        Route("DELETE", f"{API}/composite/sobjects", delete_many),
        Route("PATCH", f"{API}/composite/sobjects/{{kind}}/{{field}}", upsert_many, dict[str, Any]),
    )


def _standing(one: Mapping[str, Any]) -> str:
    return "deleted" if one["IsDeleted"] else "converted" if one.get("IsConverted") else "here"
