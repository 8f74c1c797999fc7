"""Who works with Baton, in plain words: roles, what tokens may do."""

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
