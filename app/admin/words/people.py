"""What contacts are, in plain words: stages, consent, what stops messages, what they go by."""

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
ALIASES = {"email": "E-mail", "phone": "Phone", "anonymous": "Browser", "external": "Own system", "contact": "Baton"}
GROUPS = {"behaviour": "What they did", "engagement": "How they engage", "fit": "Who they are", "caution": "Cautions"}
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
RECEIPTS = {
    "waiting": "asked, not answered yet",
    "stuck": "stuck: look at it",
    "by_hand": "to be deleted by hand",
    "done": "deleted",
}
