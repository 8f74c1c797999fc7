"""The API for programs: ``/api/v1``, with a bearer token, described at ``/api/v1/openapi.json``.

Each module adds the operations of one subject to the blueprint.
"""

from app.api import (
    access,
    conflicts,
    contacts,
    decisions,
    deliveries,
    erasures,
    handoffs,
    imports,
    inbox,
    installation,
    journeys,
    mappings,
    merges,
    messages,
    policies,
    policy_files,
    rehearsals,
    sequences,
    why,
)
from app.api.blueprint import api

__all__ = ["SUBJECTS", "api"]

SUBJECTS = (
    contacts, conflicts, merges, inbox, imports, deliveries, decisions, handoffs, installation, journeys, mappings,
    messages, policies, policy_files, rehearsals, sequences, why, erasures, access,
)  # fmt: skip
