"""What is made once in a process, and not for each application and each installation of each test."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from app import runtime


class Compiled(BytecodeCache):
    """Compiled templates."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def install() -> None:
    """Keep templates, routes, and the policies that are in force, each with what is wrong with them."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
    _keep(Rule, "_compile_builder", _route)
    _keep(runtime, "compile_policies", _policies)
    _keep(runtime, "check_together", _looked_at)
    _keep(runtime, "later_connections", _looked_at)


def _keep(owner: Any, name: str, key: Callable[..., Any]) -> None:
    make = getattr(owner, name)
    # With what each was made of, so that a key may go by which object that is
    made: dict[Any, tuple[Any, Any]] = {}

    def once(*args: Any) -> Any:
        asked = key(*args)
        if asked not in made:
            made[asked] = make(*args), args
        return made[asked][0]

    setattr(owner, name, once)


def _route(rule: Rule, *how: bool) -> Any:
    return rule.rule, tuple(rule._trace), repr(rule.defaults), how


def _policies(rules: Mapping[str, Any], number: int, editions: list[Any], pauses: Any) -> Any:
    models = frozenset((kind, id(model), version) for kind, (model, version) in rules.items())
    return models, number, tuple(id(one) for one in editions), repr(pauses._spans)


def _looked_at(models: Mapping[str, Any], connected: Mapping[str, str], tools: set[str]) -> Any:
    of = frozenset((kind, id(model)) for kind, model in models.items())
    return of, frozenset(connected.items()), frozenset(tools)
