"""The screens at ``/admin/``: server-rendered pages for admins, marketers, sales and those who only look.

``blueprint.py`` is the door, ``roles.py`` says who may what, and each group of screens has a module of its name.
"""

from flask import Flask

from app.admin import (
    account,
    assets,
    audit,
    conflicts,
    connecting,
    connections,
    contacts,
    decisions,
    deliveries,
    erasures,
    handoffs,
    home,
    imports,
    inbox,
    mapping_again,
    mapping_rows,
    mappings,
    merges,
    messages,
    policies,
    policy_archive,
    policy_calibration,
    policy_try,
    policy_versions,
    rehearsals,
    reviews,
    segments,
    sequences,
    session,
    show,
    tokens,
    users,
    why,
)
from app.admin.blueprint import admin
from app.settings import Settings

__all__ = ["SCREENS", "install"]

SCREENS = (
    assets, session, home, contacts, decisions, inbox, imports, deliveries, connections, connecting, handoffs, mappings,
    mapping_rows, mapping_again, messages, segments, sequences, reviews, merges, conflicts, why, policies,
    policy_archive, policy_calibration, policy_try, policy_versions, rehearsals, users, tokens, erasures, audit,
    account,
)  # fmt: skip


def install(app: Flask, settings: Settings) -> None:
    """Give the app its screens, with their sessions and ways to show things."""
    session.install(app, settings)
    show.install(app)
    app.register_blueprint(admin)
