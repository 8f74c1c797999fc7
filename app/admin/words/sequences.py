"""Sequences in plain words: how people leave them, and what is reviewed."""

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
