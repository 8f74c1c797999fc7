"""Handoffs in plain words, and what sales says of them."""

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
    "reminder": "Reminded",
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
