"""Baton's terms in the words of people who have never seen it. Data first; the few functions put sentences together."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.admin import audit_words
from app.rules import event_words

STAGES = {
    "subscriber": "Subscriber",
    "lead": "Lead",
    "mql": "MQL",
    "sql": "SQL",
    "opportunity": "Opportunity",
    "customer": "Customer",
    "evangelist": "Evangelist",
}
STAGE_HELP = {
    "subscriber": "agreed to be written to",
    "lead": "left their details",
    "mql": "marketing-qualified: the score says that they may be ready",
    "sql": "sales-qualified: sales has taken them on",
    "opportunity": "sales works on a deal",
    "customer": "has bought",
    "evangelist": "recommends us",
}
TIERS = {"new": "New", "active": "Active", "cooling": "Cooling", "lapsing": "Lapsing", "dormant": "Dormant"}
TIER_HELP = {
    "new": "nothing was sent yet",
    "active": "gave a sign of life lately",
    "cooling": "quiet for a while",
    "lapsing": "quiet for long",
    "dormant": "quiet for so long that general messages stop",
}
CHANNELS = {"email": "E-mail", "sms": "SMS", "push": "Push"}
CONSENT = {
    "granted": "Agreed",
    "withdrawn": "Opted out",
    "pending": "Asked, not confirmed yet",
    "unknown": "Nothing on record",
}
SUPPRESSIONS = {
    "erased": "Erased at their own request",
    "manual": "Suppressed by hand",
    "bounce": "Messages bounce",
    "complaint": "Marked us as spam",
    "opt_out": "Opted out",
    "conversation": "In conversation with sales",
    "not_a_fit": "Sales said: not a fit",
    "dormant": "Dormant: no sign of life for a long time",
}
TALKS = {
    "deal": "an open deal",
    "reply": "a reply",
    "meeting": "a meeting",
    "chat": "a chat",
    "task": "a rep's task",
    "sales": "sales took it on",
}

INBOX = {"pending": "Waiting", "done": "Read", "parked": "Parked"}
INBOX_HELP = {
    "pending": "not read yet",
    "done": "read, and turned into what happened",
    "parked": "could not be read; waits for a person, can be read again",
}
INBOX_KINDS = {
    "import": "Import",
    "webhook": "Webhook",
    "poll": "Read from the tool",
    "form": "Form",
    "track": "Page view",
    "baton": "Baton's own note",
}
DELIVERIES = {
    "pending": "Waiting",
    "sending": "On its way",
    "sent": "Done",
    "withheld": "Held back",
    "unknown": "Outcome unknown",
    "dead": "Given up",
}
DELIVERY_HELP = {
    "pending": "will be tried; if it was tried before, again later",
    "sending": "the tool is being asked at this moment",
    "sent": "the tool has it",
    "withheld": "was not sent, for the reason given",
    "unknown": "the answer was lost; nobody can tell whether it was done",
    "dead": "the tool refused it, or patience ended; a person has to look",
}
ACTIONS = {
    "upsert_contact": "Update the profile",
    "ensure_contact": "Make sure the contact exists",
    "move_stage": "Move the stage back",
    "assign_owner": "Assign the owner",
    "create_task": "Create a task for sales",
    "create_note": "Write a note for sales",
    "alert": "Alert people",
    "unsubscribe": "Pass on an opt-out",
    "suppress": "Stop all mail",
    "erase": "Delete somebody who asked to be forgotten",
    "subscribe": "Pass on a consent",
    "join_list": "Add to a list",
    "leave_list": "Take off a list",
    "track_event": "Record an event",
    "send_message": "Send a message",
}
URGENCIES = {
    "handoff": "Handoffs to sales",
    "opt_out": "Opt-outs to pass on",
    "send": "Messages",
    "profile": "Changes of profiles",
    "bulk": "In bulk, when there is room",
}
CONNECTIONS = {"active": "Working", "paused": "Paused", "broken": "Broken"}
CONNECTION_HELP = {
    "active": "things come in and go out",
    "paused": "nothing leaves; what comes in is kept and read",
    "broken": "the tool refuses our credentials, so nothing leaves; what comes in is kept and read",
}
CONFLICTS = {
    "flip_flop": "Two tools keep turning it back and forth, so it is frozen.",
    "owners": "Two tools own this field, by their mappings, and say different things.",
    "asked": "Tools say different things, and the mapping says to ask.",
}
MERGES = {"merged": "One contact", "parted": "Parted", "rejoined": "One again"}
MERGE_HELP = {
    "merged": "the two are one contact now",
    "parted": "somebody made two contacts of it again; they are kept apart",
    "rejoined": "was parted, and made one again later",
}
HANDOFFS = {"open": "Open", "claimed": "Claimed", "closed": "Judged", "withdrawn": "Withdrawn"}
HANDOFF_HELP = {
    "open": "nobody has taken it yet",
    "claimed": "somebody takes care of it",
    "closed": "sales has said how it went",
    "withdrawn": "taken back before anybody was told, because of news that came late",
}
HANDOFF_NEXT = {
    "open": "Claim it, then get in touch.",
    "claimed": "When you know how it went, say so.",
    "closed": "Sales has said how it went.",
    "withdrawn": "News that came late changed it. There is nothing to do.",
}
HANDOFF_STEPS = {
    "opened": "Handed to sales",
    "assigned": "Given",
    "reminder": "Owner reminded",
    "escalation": "Escalated",
    "claim": "Claimed",
    "verdict": "Judged",
}
VERDICTS = {
    "accepted": "Accepted",
    "not_a_fit": "Not a fit",
    "nurture": "Nurture",
    "won": "Won",
    "lost": "Lost",
}
VERDICT_HELP = {
    "accepted": "I am in touch with them",
    "not_a_fit": "not for us; marketing stops",
    "nurture": "too early; back to marketing",
    "won": "they bought",
    "lost": "they will not buy",
}
DECISIONS = {
    "message": "Message",
    "list": "List",
    "event": "Word to a tool",
    "handoff": "Handoff to sales",
    "stage": "Stage",
    "alert": "Alert",
    "reminder": "Reminder to the owner",
    "escalation": "Escalation",
    "claim": "Claim",
    "verdict": "Word of sales",
    "segment": "Segment",
    "enrolment": "In or out of a sequence",
    "turn": "Turn of a sequence",
    "branch": "Branch of a sequence",
    "split": "Split of a sequence",
    "pause": "Pause of a sequence",
    "sunset": "No more marketing",
    "rescore": "Lifted by new rules",
}
AUDIT = {"empty": "Empty", "weak": "Few people", "overlapping": "Same people as another"}
# What a rehearsal counts
EFFECTS = {
    "field": "Field",
    "told": "What a tool is told",
    "threshold": "Score came over the threshold",
    "rescore": "Over the threshold by new rules alone",
    "stage": "Stage changed",
    "stage withheld": "Stage stayed, though a rule asked for another",
    "handoff": "Handed to sales",
    "handoff withheld": "Not handed to sales",
    "reminder": "Owner reminded",
    "escalation": "Handoff escalated",
    "alert": "People alerted",
    "alert withheld": "Alert kept back",
    "message": "Message sent",
    "message withheld": "Message kept back",
    "list": "Added to or taken off a list",
    "list withheld": "List left as it was",
    "event": "Tool told of an event",
    "event withheld": "Tool not told of an event",
    "sunset": "No more marketing",
    "enrolment": "Came into a sequence",
    "enrolment withheld": "Not let into a sequence",
    "enrolment ended": "Left a sequence",
    "turn": "Sequence went another way",
    "branch": "Branch of a sequence taken",
    "split": "Split of a sequence",
    "pause": "Sequence stood still",
    "segment entered": "Came into a segment",
    "segment left": "Left a segment",
}
EFFECT_HELP = {
    "rescore": "Publishing scores everybody anew. Nobody is told of these, and no stage changes: they are only listed.",
    "threshold": "How often somebody became ready for a conversation.",
}
SIDES = {
    "more": "Only with the draft",
    "less": "Not with the draft",
    "moved": "At another moment",
    "other": "Otherwise",
}
IMPORTS = {
    "draft": "Not begun",
    "waiting": "Waiting",
    "running": "Under way",
    "done": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
}
REHEARSALS = {
    "waiting": "Waiting",
    "running": "Under way",
    "done": "Done",
    "canceled": "Stopped",
    "failed": "Failed",
}
REHEARSAL_HELP = {
    "waiting": "it begins when those before it are done",
    "running": "the past is being gone through",
    "done": "everybody was looked at",
    "canceled": "somebody stopped it; what it had counted by then is shown",
    "failed": "it could not be brought to an end, for the reason given",
}
OUTCOMES = {"taken": "Done", "withheld": "Not done", "superseded": "Overtaken"}
OUTCOME_HELP = {
    "taken": "it was done or is on its way",
    "withheld": "a check kept it back",
    "superseded": "what arrived later shows that it should have been decided otherwise",
}
GATES = {
    "channel": "There is a channel to use",
    "something to say": "The message has something to say to them",
    "texts": "Its texts are in the content",
    "reachable": "Has an address to write to",
    "erased": "Has not been erased",
    "manual": "Is not suppressed by hand",
    "sunset": "Has answered when asked whether to go on",
    "no sequence": "No sequence has the person for itself",
    "bounce": "Messages do not bounce",
    "complaint": "Has not marked us as spam",
    "consent": "Has agreed to be written to",
    "conversation": "Is not in conversation with sales",
    "not_a_fit": "Sales has not called them a misfit",
    "dormant": "Is not dormant",
    "ladder": "Is not too quiet for messages like this",
    "few enough": "Few enough others wait for this contact",
    "still so": "It was still so when the time was over",
    "not meanwhile": "Nothing happened meanwhile that ends the waiting",
    "priority": "Is urgent enough for this channel",
    "cap": "Has not had too many messages lately",
    "in time": "Reached us in time",
    "not sent lately": "Was not sent lately",
    "can be sent": "A tool is connected that can send it",
    "not in conversation": "Is not in conversation with sales yet",
    "not judged lately": "Sales has not judged them lately",
    "can be reached": "Can be reached by e-mail or phone",
}
# The same checks where they kept something back
HELD_BY = {
    "channel": "No channel was left to use",
    "something to say": "The message had nothing to say to them",
    "texts": "Its texts were not in the content",
    "reachable": "No address to write to",
    "erased": "The person was erased",
    "manual": "Suppressed by hand",
    "sunset": "Did not answer when asked whether to go on",
    "no sequence": "A sequence had the person for itself",
    "bounce": "Messages bounce",
    "complaint": "Marked us as spam",
    "consent": "Opted out, or never agreed",
    "conversation": "In conversation with sales",
    "not_a_fit": "Sales said: not a fit",
    "dormant": "Dormant",
    "ladder": "Too quiet for messages like this",
    "few enough": "Enough others waited for them",
    "still so": "Not so any more when the time was over",
    "not meanwhile": "What it waited for happened",
    "priority": "Not urgent enough for this channel",
    "cap": "Had enough messages lately",
    "in time": "Reached us too late to act on",
    "not sent lately": "Was sent lately already",
    "can be sent": "No tool is connected that can send it",
    "not in conversation": "In conversation with sales already",
    "not judged lately": "Sales had judged them lately",
    "can be reached": "Neither e-mail nor phone is known",
    "something happened": "Only the rules changed, nobody did anything",
}
EXITS = {
    "goal": "Reached the goal",
    "converted": "Bought, or was won by sales",
    "replied": "Replied",
    "conversation": "Is talking with sales",
    "handed_over": "Was handed to sales",
    "opted_out": "May not be written to any more",
    "suppressed": "Is suppressed",
    "no_longer_fits": "No longer fits",
    "over_time": "Time was over",
    "completed": "Came to the end of the steps",
    "moved": "Moved to another sequence",
    "withdrawn": "Sequence is not published any more",
    "stopped": "Stopped by hand",
}
EXIT_HELP = {
    "goal": "what the sequence is for has happened",
    "converted": "an order, or sales said that they bought",
    "replied": "answered one of our messages",
    "conversation": "a deal, a meeting or a chat with sales is under way",
    "handed_over": "ready for a conversation; sales has them now",
    "opted_out": "opted out, marked us as spam, bounced or was erased",
    "suppressed": "suppressed by hand, or not a fit for sales",
    "no_longer_fits": "something happened after which the sequence makes no sense",
    "over_time": "the longest time of the sequence had passed",
    "completed": "there was nothing left to do for them",
    "moved": "somebody here moved them",
    "withdrawn": "somebody took the sequence out of the policy",
    "stopped": "somebody here let them out",
}
REVIEWS = {"open": "Open", "resolved": "Decided", "withdrawn": "Withdrawn"}
REVIEW_HELP = {
    "open": "nobody has decided yet",
    "resolved": "somebody has decided what is next",
    "withdrawn": "news that came late showed that there is nothing to decide",
}
REVIEW_REASONS = {
    "over_time": "The time was over before the goal was reached",
    "completed": "All steps were done, and the goal was not reached",
}
RESOLUTIONS = {
    "extended": "Was given more time",
    "moved": "Gets another sequence",
    "suppressed": "Is written to no more",
    "handed_over": "Was handed to sales",
}
REVIEW_DONE = {
    "extend": "Noted. They go on where they stood in a moment.",
    "move": "Noted. They come into the other sequence in a moment, if nothing forbids writing to them.",
    "suppress": "Noted. Nothing more is sent to them.",
    "hand_over": "Noted. Sales is told in a moment, unless they talk with the person already.",
}
ALIASES = {"email": "E-mail", "phone": "Phone", "anonymous": "Browser", "external": "Own system", "contact": "Baton"}
GROUPS = {"behaviour": "What they did", "engagement": "How they engage", "fit": "Who they are", "caution": "Cautions"}
TRIES = {
    "done": "Worked",
    "refused": "Refused",
    "retrylater": "Try again later",
    "unknown": "Answer lost",
}
ROLES = {"admin": "Admin", "marketer": "Marketer", "sales": "Sales", "viewer": "Viewer"}
ROLE_HELP = {
    "admin": "may do everything, also let people in and stop all sending",
    "marketer": "works with contacts, sequences and reviews, and has things tried again",
    "sales": "sees contacts and handoffs, claims them and says how they went",
    "viewer": "looks, without addresses, and changes nothing",
}
SCOPES = {"read": "Look", "work": "Work", "manage": "Manage"}
SCOPE_HELP = {
    "read": "everything that can be read, also addresses",
    "work": "the daily work: have things tried again, claim and judge, decide reviews, pause sequences",
    "manage": "what is in force for everybody: policies, users, the audit log",
}
CHANGE_SUBJECTS, CHANGES = audit_words.CHANGE_SUBJECTS, audit_words.CHANGES

RECEIPTS = {
    "waiting": "asked, not answered yet",
    "stuck": "stuck: look at it",
    "by_hand": "to be deleted by hand",
    "done": "deleted",
}
EVENTS = event_words.EVENTS
_EVENT_DETAILS = (
    "path", "form_title", "form", "asset", "product", "subject", "message", "stage", "verdict", "list_name", "list",
    "tag", "reason", "url", "method", "state", "timer", "name",
)  # fmt: skip


def say(table: Mapping[str, str], name: str | None) -> str:
    """A name in plain words; one that the table does not have is shown as it is, without underscores."""
    if not name:
        return ""
    return table.get(name) or name.replace("custom:", "").replace("_", " ").capitalize()


def event_detail(properties: Mapping[str, Any]) -> str:
    """What it was about: the page, the form, the message."""
    return next((str(properties[name]) for name in _EVENT_DETAILS if properties.get(name)), "")


_EVENT = re.compile(rf"(?<![\w.“/])(?:{'|'.join(map(re.escape, sorted(EVENTS, reverse=True)))})(?![\w/]|\.\w)")


def plain(text: str) -> str:
    """A sentence of a rule's with what happened in plain words: ``page.viewed 2 times`` as “Visited a page”
    2 times."""
    said = _EVENT.sub(lambda found: f"“{EVENTS[found[0]]}”", text) if "." in text else text
    return said[:1].upper() + said[1:]


def condition(text: str) -> str:
    """A part of what a rule asks for, whose first words programs read."""
    if text.startswith("active: "):
        return "Is switched on"
    if text.startswith(asks := "event.type is one of "):
        happened = [say(EVENTS, name) for name in text.removeprefix(asks).split(", ")]
        return "What happened is " + " or ".join(f"“{name}”" for name in happened)
    return plain(text)


def gate(name: str) -> str:
    """What a decision checked: a gate, or a part of a condition."""
    return GATES.get(name) or plain(name)


def consent_scope(key: str) -> str:
    """``email/marketing`` as "e-mail marketing"."""
    channel, _, purpose = key.partition("/")
    named = CHANNELS.get(channel, channel.replace("_", " "))
    named = named if named == "SMS" else named.lower()
    return f"{named} {purpose.replace('_', ' ')}".strip()


def suppression(reason: str, scope: str, detail: str) -> str:
    """Why nothing may be sent, as one sentence without its dates."""
    if reason == "conversation":
        kind, _, who = detail.partition(" with ")
        if kind in TALKS:
            return f"In conversation with {who or 'sales'}: {TALKS[kind]}"
        return f"In conversation with sales: {detail}" if detail else SUPPRESSIONS["conversation"]
    said = say(SUPPRESSIONS, reason)
    if scope not in ("everything", "marketing"):
        said += f" ({consent_scope(scope)})"
    if reason in ("dormant", "not_a_fit") or not detail:
        return said
    return f"{said}: {detail.replace('_', ' ')}"


def number(count: int, most: int) -> str:
    """A count for people; beyond what was counted it says so."""
    return f"{most:,}+" if count > most else f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 request``, ``2 requests``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def minutes(count: float) -> str:
    """A stretch of time in words: ``2 hours 5 minutes``, from ten hours on without the minutes."""
    hours, rest = divmod(max(0, round(count)), 60)
    said = [plural(hours, "hour")] if hours else []
    exact = (rest and hours < 10) or not hours
    return " ".join(said + ([plural(rest, "minute")] if exact else []))


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def senders(message: Mapping[str, Any]) -> str:
    """What sends a message, as sentences."""
    triggers, sequences = ([one["label"] for one in message[name]] for name in ("triggers", "sequences"))
    said = [f"Sent when: {listed(triggers)}."] if triggers else []
    said += [f"Part of the sequence{'s'[: len(sequences) > 1]} {listed(sequences)}."] if sequences else []
    return " ".join(said) or "No trigger and no sequence sends it."
