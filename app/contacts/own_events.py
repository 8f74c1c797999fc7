"""Events of Baton's own, beside those that tools tell of: what people decide here, and what became of messages."""

SUPPRESSED_BY_HAND = "custom:suppressed"
RELEASED_BY_HAND = "custom:released"
FIELD_SETTLED = "custom:field_settled"  # somebody says what a field is that tools disagree on
PARTED = "custom:parted"  # somebody undid a merge
JOINED = "custom:joined"  # somebody says that two contacts are one after all
# Of handoffs: nothing folds them, their clock listens (rules/clock.py)
HANDOFF_CLAIMED = "custom:handoff_claimed"
ALERT_FAILED = "custom:handoff_alert_failed"
MESSAGE_NOT_SENT = "custom:message_not_sent"  # a message that was decided to be sent was not
HANDED_OVER = "custom:handed_over"
READ_LATER = "read_later"  # a property of what was found only when a payload was read again: by which mapping
READ_AGAIN = "custom:read_again"  # payloads were read by a mended mapping (contacts/corrections.py)
# Of sequences: what people decide there (rules/sequences/by_hand.py)
SEQUENCE_ENTERED = "custom:sequence_entered"
SEQUENCE_MOVED = "custom:sequence_moved"
SEQUENCE_EXTENDED = "custom:sequence_extended"
SEQUENCE_STOPPED = "custom:sequence_stopped"
SEQUENCE_RESUMED = "custom:sequence_resumed"
OF_SEQUENCES = frozenset((SEQUENCE_ENTERED, SEQUENCE_MOVED, SEQUENCE_EXTENDED, SEQUENCE_STOPPED, SEQUENCE_RESUMED))
# No tool may send these
OUR_OWN = OF_SEQUENCES | {
    SUPPRESSED_BY_HAND,
    RELEASED_BY_HAND,
    HANDOFF_CLAIMED,
    ALERT_FAILED,
    HANDED_OVER,
    MESSAGE_NOT_SENT,
    READ_AGAIN,
    FIELD_SETTLED,
    PARTED,
    JOINED,
}
