"""Which package may import which. The arrows point inward; an arrow that turns fails here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from adapters.registry import adapters

ROOT = Path(__file__).parent.parent

# From outside in. A package may import itself and what is listed; `app` stands for the modules directly in app/.
LAYERS = {
    "app.contacts": set[str](),
    "mappings": {"app.contacts"},
    "app.rules": {"app.contacts", "mappings"},
    "adapters": {"app.contacts", "mappings"},
    "app.store": {"app.contacts", "app.rules", "mappings"},
    "app": {"app.contacts", "app.rules", "app.store", "mappings", "adapters", "jobs", "app.api", "app.admin"},
    "jobs": {
        "app.contacts", "app.rules", "app.store", "mappings", "adapters",
        "app.runtime", "app.settings", "app.handoff_links", "app.imports.table",
    },
    "app.api": {"app.contacts", "app.rules", "app.store", "app", "mappings.document", "mappings.lines"},
    "app.admin": {
        "app.contacts", "app.rules", "app.store", "adapters.registry", "adapters.contract", "app", "jobs.queue",
        "mappings.document", "mappings.lines", "mappings.edits",
    },
}  # fmt: skip

# Libraries that only some rooms may know
LIBRARIES = {
    "sqlalchemy": {"app.store", "app", "jobs", "app.admin"},
    "flask": {"app", "app.api", "app.admin"},
    "rq": {"jobs"},
    "hubspot": {"adapters.hubspot"},
    "klaviyo_api": {"adapters.klaviyo"},
    "apprise": {"adapters.alerts"},
}


# Statements stand within these only
_HOLDING = (ast.stmt, ast.excepthandler, ast.match_case)


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("app", "adapters", "mappings", "jobs"):
        for file in sorted((ROOT / top).rglob("*.py")):
            if "migrations" not in file.parts:
                name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                yield name, file


@cache
def imported(file: Path) -> tuple[str, ...]:
    """Every module that a file imports, wherever in it, types excepted."""
    found: list[str] = []
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        waiting += [one for one in ast.iter_child_nodes(node) if isinstance(one, _HOLDING)]
    return tuple(found)


def layer_of(name: str) -> str:
    return max((layer for layer in LAYERS if name == layer or name.startswith(layer + ".")), key=len, default="")


def _may_import(layer: str, other: str) -> bool:
    theirs = layer_of(other)
    within = any(other == one or other.startswith(one + ".") for one in LAYERS[layer])
    return not theirs or theirs == layer or theirs in LAYERS[layer] or within


def _may_know(name: str, library: str) -> bool:
    rooms = LIBRARIES.get(library)
    return rooms is None or layer_of(name) in rooms or any(name.startswith(room) for room in rooms)


def test_imports_point_inward() -> None:
    layers = [(name, layer_of(name), file) for name, file in modules()]
    wrong = [
        f"{name} ({layer}) imports {other} ({layer_of(other)})"
        for name, layer, file in layers
        for other in imported(file)
        if not _may_import(layer, other)
    ]
    assert wrong == []


def test_libraries_stay_in_their_rooms() -> None:
    libraries = [(name, other.split(".")[0]) for name, file in modules() for other in imported(file)]
    assert [f"{name} imports {library}" for name, library in libraries if not _may_know(name, library)] == []


def test_adapters_do_not_know_each_other() -> None:
    for name, file in modules():
        parts = name.split(".")
        if parts[0] != "adapters" or len(parts) < 2 or parts[1] == "sandbox":
            continue  # the sandbox's server serves all vendors
        # Beside these there are rooms that several adapters share, such as adapters/submissions
        folders = set(adapters())
        if parts[1] not in folders:
            continue
        for other in imported(file):
            vendor = other.split(".")[1] if other.startswith("adapters.") and "." in other else ""
            assert vendor not in folders - {parts[1]}, f"{name} imports {other}"


def test_the_model_can_be_used_without_flask_or_a_database() -> None:
    code = (
        "import sys; import app.contacts.fold, app.rules.policy; "
        "print(*{'flask', 'sqlalchemy', 'rq', 'redis', 'hubspot', 'klaviyo_api'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
