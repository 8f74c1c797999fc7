"""The connections that actions can go to, as routing sees them."""

from collections.abc import Callable, Mapping
from typing import Any

from app.contacts.action import Action, kind_of
from app.rules.route import Target
from app.runtime import Rulebook, Runtime, can_call


def targets_of(runtime: Runtime, rulebook: Rulebook) -> list[Target]:
    """The connections that can be called, by id."""
    found = []
    for connection in runtime.connections().values():
        adapter = runtime.adapter(connection)
        if not adapter.pushes or not can_call(adapter, connection):
            continue
        found.append(
            Target(
                id=connection.id,
                name=connection.name,
                kind=connection.kind,
                can=_can(adapter.pushes, connection.settings),
                kinds=frozenset(kind_of(action) for action in adapter.pushes),
                mapping=rulebook.mapping_for(connection) if adapter.mapping else None,
                list=connection.settings.get("list", ""),
                hears=adapter.hears,
                yes_first=adapter.yes_first,
            )
        )
    return sorted(found, key=lambda target: target.id)


def _can(pushes: Mapping[type[Action], Any], settings: Mapping[str, str]) -> Callable[[Action], bool]:
    def can(action: Action) -> bool:
        push = pushes.get(type(action))
        return push is not None and push.accepts(action, settings)

    return can
