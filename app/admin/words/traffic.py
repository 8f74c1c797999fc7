"""What comes in and goes out, in plain words: requests, deliveries, connections, imports."""

INBOX = {"pending": "Waiting", "done": "Processed", "parked": "Parked"}
INBOX_HELP = {
    "pending": "not read yet",
    "done": "read, and turned into what happened",
    "parked": "could not be read; waits for a person, can be read again",
}
INBOX_KINDS = {
    "import": "Import",
    "webhook": "Webhook",
    "poll": "Fetched from the tool",
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
    "opt_out": "Opt-outs and erasures to pass on",
    "send": "Messages",
    "profile": "Changes of profiles",
    "bulk": "In bulk, when there is room",
}
TRIES = {
    "done": "Worked",
    "refused": "Refused",
    "retrylater": "Try again later",
    "underway": "Taken, not done yet",
    "unknown": "Answer lost",
}
CONNECTIONS = {"active": "Working", "paused": "Paused", "broken": "Broken"}
CONNECTION_HELP = {
    "active": "it does its work",
    "paused": "nothing leaves; what comes in is kept and read",
    "broken": "the tool refuses our credentials, so nothing leaves; what comes in is kept and read",
}
IMPORTS = {
    "draft": "Not begun",
    "waiting": "Waiting",
    "running": "Under way",
    "done": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
}
