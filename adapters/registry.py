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
            adapter = adapter_of(folder, import_module(f"adapters.{folder.name}"))
            if adapter is not None:
                found[adapter.name] = adapter
    return found


# What a folder of a tool has one of, and none of what tools share has
_OF_A_TOOL = ("webhook.py", "signature.py", "client.py", "poll.py", "push.py", "samples")


def adapter_of(folder: Path, package: object) -> Adapter | None:
    """The adapter that a folder's package defines, or None for what tools share. Raises ValueError where it looks like
    a tool's and defines none, or has another name than its folder."""
    adapter: Adapter | None = getattr(package, "ADAPTER", None)
    if adapter is None:
        if mark := next((name for name in _OF_A_TOOL if (folder / name).exists()), ""):
            raise ValueError(f"adapters/{folder.name} has {mark}, but its __init__.py defines no ADAPTER")
        return None
    if adapter.name != folder.name:
        raise ValueError(f'adapters/{folder.name}: ADAPTER is named "{adapter.name}"; use the folder\'s name')
    return adapter
