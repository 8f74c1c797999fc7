"""A mapping that keeps what an adapter asked it: what a payload holds is what its adapter reads of it."""

from collections.abc import Mapping
from typing import Any

from mappings.mapping import FieldMapping, Mapped


class Listening(FieldMapping):
    """The same mapping, with each question and answer in ``heard``, in order."""

    def __init__(self, mapping: FieldMapping) -> None:
        self.__dict__.update(mapping.__dict__)
        self.heard: list[tuple[dict[str, Any], Mapped]] = []

    def inbound(self, properties: Mapping[str, Any]) -> Mapped:
        """As the mapping itself answers."""
        mapped = super().inbound(properties)
        self.heard.append((dict(properties), mapped))
        return mapped
