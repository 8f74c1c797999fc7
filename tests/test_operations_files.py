"""What is shipped for those who run Baton: it can be read, and names only what there is."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.cli import main
from app.metrics import metrics
from app.runtime import Runtime

ROOT = Path(__file__).resolve().parents[1]
RULES = yaml.safe_load((ROOT / "docs/prometheus-alerts.yaml").read_text())["groups"][0]["rules"]
UNITS = sorted((ROOT / "docs/systemd").glob("*.service"))


def test_alerts_name_only_metrics_that_are_exposed(sqlite_runtime: Runtime) -> None:
    exposed: set[str] = set()
    for family in text_string_to_metric_families(metrics(sqlite_runtime).decode()):
        exposed |= {family.name, f"{family.name}_total"} if family.type == "counter" else {family.name}
    used = {name for rule in RULES for name in re.findall(r"\bbaton_\w+", rule["expr"])}
    assert used <= exposed


def test_alerts_cover_what_operations_says_to_look_at() -> None:
    table = (ROOT / "docs/operations.md").read_text().split("## What to watch")[1].split("## ")[0]
    told = set(re.findall(r"`(baton_\w+)", table))
    used = {name.removesuffix("_total") for rule in RULES for name in re.findall(r"\bbaton_\w+", rule["expr"])}
    assert told <= used


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_stop_baton_gently_and_restart_it_always(unit: Path) -> None:
    text = unit.read_text()
    for line in ("KillMode=mixed", "TimeoutStopSec=40", "Restart=always"):
        assert f"\n{line}\n" in text
    (command,) = re.findall(r"^ExecStart=\S+/baton (\w+)", text, re.M)
    assert command in main.commands


def test_compose_starts_commands_that_exist_and_gives_them_time_to_stop() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"web", "worker", "database", "queue"}
    for name in ("web", "worker"):
        assert services[name]["command"][1] in main.commands
        assert services[name]["stop_grace_period"] == "40s"
