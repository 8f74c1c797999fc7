"""Who may do what on the screens: one table, route by role. A route that is not in it is open to nobody."""

from collections.abc import Mapping

ADMIN, MARKETER, SALES, VIEWER = "admin", "marketer", "sales", "viewer"

_ALL = frozenset((ADMIN, MARKETER, SALES, VIEWER))
_LOOKS = frozenset((ADMIN, MARKETER, VIEWER))
_WORKS = frozenset((ADMIN, MARKETER))
_SELLS = frozenset((ADMIN, MARKETER, SALES))
_RULES = frozenset((ADMIN,))

# Without signing in
OPEN = frozenset(("login", "sign_in", "asset", "invitation", "invitation_accept"))

ROLES: Mapping[str, frozenset[str]] = {
    "home": _ALL,
    "sign_out": _ALL,
    "contacts": _ALL,
    "contact": _ALL,
    "why": _ALL,
    "contact_enters": _WORKS,
    "contact_stops": _WORKS,
    "handoffs": _ALL,
    "handoff": _ALL,
    "claim": _SELLS,
    "judge": _SELLS,
    "decision": _ALL,
    "decisions": _LOOKS,
    "import_list": _LOOKS,
    "import_one": _LOOKS,
    "import_upload": _WORKS,
    "import_connection": _WORKS,
    "import_begin": _WORKS,
    "import_stop": _WORKS,
    "import_skipped": _WORKS,
    "inbox": _LOOKS,
    "inbox_row": _LOOKS,
    "replay": _WORKS,
    "replay_several": _WORKS,
    "deliveries": _LOOKS,
    "delivery": _LOOKS,
    "retry": _WORKS,
    "retry_several": _WORKS,
    "messages": _LOOKS,
    "message": _LOOKS,
    "segments": _LOOKS,
    "segment": _LOOKS,
    "sequences": _LOOKS,
    "sequences_pause": _WORKS,
    "sequences_resume": _WORKS,
    "sequence": _LOOKS,
    "sequence_pause": _WORKS,
    "sequence_resume": _WORKS,
    "sequence_move": _WORKS,
    "sequence_moved": _WORKS,
    "reviews": _LOOKS,
    "review": _LOOKS,
    "review_next": _WORKS,
    "review_answer": _WORKS,
    "mappings": _LOOKS,
    "mapping": _LOOKS,
    "mapping_own": _RULES,
    "mapping_row": _LOOKS,
    "mapping_row_change": _RULES,
    "mapping_row_remove": _RULES,
    "mapping_payload": _WORKS,
    "mapping_effect": _LOOKS,
    "mapping_request": _WORKS,
    "mapping_send": _RULES,
    "mapping_again": _LOOKS,
    "mapping_again_begin": _WORKS,
    "mapping_again_stop": _WORKS,
    "connections": _LOOKS,
    "connection": _LOOKS,
    "refused": _WORKS,
    "check": _WORKS,
    "policies": _LOOKS,
    "policy": _LOOKS,
    "policy_diff": _LOOKS,
    "policy_try": _LOOKS,
    "policy_versions": _LOOKS,
    "policy_version": _LOOKS,
    "policy_download": _WORKS,
    "policy_save": _RULES,
    "policy_discard": _RULES,
    "policy_publish": _RULES,
    "policy_published": _RULES,
    "policy_roll_back": _RULES,
    "policy_rolled_back": _RULES,
    "rehearsals": _LOOKS,
    "rehearsal": _LOOKS,
    "rehearsal_new": _WORKS,
    "rehearsal_ask": _WORKS,
    "rehearsal_again": _WORKS,
    "rehearsal_cancel": _WORKS,
    "account": _ALL,
    "password": _ALL,
    "contact_download": _RULES,
    "erasures": _WORKS,
    "one_erasure": _WORKS,
    "erase_named": _RULES,
    "erase_contact": _RULES,
    "erased_by_hand": _WORKS,
    "let_in": _RULES,
    "audit": _WORKS,
    "audit_entry": _WORKS,
    "users": _RULES,
    "user": _RULES,
    "user_invite": _RULES,
    "user_role": _RULES,
    "user_name": _RULES,
    "user_reset": _RULES,
    "user_shut_out": _RULES,
    "user_let_in": _RULES,
    "user_end_sessions": _RULES,
    "tokens": _RULES,
    "token_create": _RULES,
    "token_revoke": _RULES,
    "pause": _RULES,
    "resume": _RULES,
    "pause_all": _RULES,
    "resume_all": _RULES,
}

# What a page shows besides: bodies as they came or left are full of addresses, and an address can hold a secret
SEES_BODIES = _WORKS
SEES_PATH_SECRETS = _RULES
SEES_ADDRESSES = _SELLS


def may(role: str | None, route: str) -> bool:
    """Whether somebody in this role may use a route; None is somebody who has not signed in."""
    return route in OPEN or (role is not None and role in ROLES.get(route, ()))
