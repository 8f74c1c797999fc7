"""Why things were kept back, grouped: each reason names its case, and people ask how often which kind came up."""

# Reasons as they stand in decisions and deliveries → what they have in common, for counting them together
_REASONS = (
    ("opted out of", "Opted out"),
    ("no consent for", "No consent on record"),
    ("it would lift an opt-out", "Would have lifted an opt-out"),
    ("in conversation", "In conversation with sales"),
    ("already in conversation", "In conversation with sales"),
    ("marked ", "Marked us as spam"),
    ("not a fit", "Sales said: not a fit"),
    ("no human sign", "Dormant: no sign of life for a long time"),
    ("sent on ", "Was sent lately already"),
    ("it reached us", "News came too late to act on"),
    ("too late:", "News came too late to act on"),
    ("withdrawn:", "Withdrawn: later news changed it"),
    ("no e-mail address", "No address is known"),
    ("no mobile number", "No mobile number is known"),
    ("neither e-mail", "No address is known"),
    ("suppressed by hand", "Suppressed by hand"),
    ("the person was erased", "The person was erased"),
    ("the contact no longer exists", "The contact no longer exists"),
    ("sales said", "Sales had judged them lately"),
    ("it was not so any more", "Not so any more when the time was over"),
    ("lapsing since", "Too quiet for messages like this"),
    ("dormant since", "Too quiet for messages like this"),
    ("the handoff is", "The handoff was over by then"),
    ("the content's site is still", "The texts are still the shipped ones: set your own site"),
    ("the content has no message", "The content has no such message"),
    ("not by ", "No channel is allowed"),
    ("nobody is named to own it", "Nobody is named to own the handoff"),
)

_UNSUITED = (
    ("needs what is not known", "Too little is known for the message"),
    ("would read generic", "The message would read generic"),
    ("has nothing to say", "The message has nothing to say to them"),
)


def reason_group(reason: str) -> str:
    """What a reason has in common with others, in a few words."""
    for start, group in _REASONS:
        if reason.startswith(start):
            return group
    if reason.startswith("“"):  # a message's name: its content kept it back
        return next((group for words, group in _UNSUITED if f"” {words}" in reason), "The message could not be made")
    if reason.endswith(" in the meantime"):
        return "What it waited for happened"
    if " bounces" in reason[:20]:
        return "Messages bounce"
    if reason.endswith(" is missing"):
        return "No tool is connected that can send it"
    if reason.startswith("Stayed "):
        return "Stage does not go back by itself"
    if " in the last " in reason[:40]:
        return "Had enough messages lately"
    if reason.endswith("the handoff tells of it"):
        return "The handoff tells of it already"
    return reason[:1].upper() + reason[1:80] or "No reason given"
