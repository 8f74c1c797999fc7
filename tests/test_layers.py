"""Which package may import which. The arrows point inward; an arrow that turns fails here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("app", "adapters", "mappings", "jobs"):
        for file in sorted((ROOT / top).rglob("*.py")):
            if "migrations" not in file.parts:
                name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                yield name, file


def imported(file: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, types excepted."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name: str) -> str:
    return max((layer for layer in LAYERS if name == layer or name.startswith(layer + ".")), key=len, default="")


@pytest.mark.parametrize(("name", "file"), [pytest.param(name, file, id=name) for name, file in modules()])
def test_imports_point_inward(name: str, file: Path) -> None:
    mine = layer_of(name)
    for other in imported(file):
        theirs = layer_of(other)
        if not theirs or theirs == mine:
            continue
        allowed = LAYERS[mine]
        permitted = theirs in allowed or any(other == one or other.startswith(one + ".") for one in allowed)
        assert permitted, f"{name} ({mine}) imports {other} ({theirs})"


@pytest.mark.parametrize(("name", "file"), [pytest.param(name, file, id=name) for name, file in modules()])
def test_libraries_stay_in_their_rooms(name: str, file: Path) -> None:
    for other in imported(file):
        library = other.split(".")[0]
        rooms = LIBRARIES.get(library)
        if rooms is not None:
            assert layer_of(name) in rooms or any(name.startswith(room) for room in rooms), f"{name} imports {library}"


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
