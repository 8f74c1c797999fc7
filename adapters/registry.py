"""Which adapters there are: every folder here that defines ADAPTER. There is no list to edit."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from adapters.contract import Adapter


def acting() -> list[str]:
    """The adapters that can carry out what Baton decides, by name; the others only tell."""
    return [name for name, adapter in adapters().items() if adapter.pushes]


@cache
def adapters() -> Mapping[str, Adapter]:
    """All adapters by name, which is their folder's name."""
    found: dict[str, Adapter] = {}
    for folder in sorted(Path(__file__).parent.iterdir()):
        if (folder / "__init__.py").exists():
            adapter = getattr(import_module(f"adapters.{folder.name}"), "ADAPTER", None)
            if adapter is not None:
                if adapter.name != folder.name:
                    raise ValueError(
                        f'adapters/{folder.name}: ADAPTER is named "{adapter.name}"; use the folder\'s name'
                    )
                found[adapter.name] = adapter
    return found
