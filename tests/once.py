"""What is made once in a process, and not for each application and each installation of each test."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from werkzeug.routing import Rule

from app import runtime
from app.store import engine


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
    """Keep templates, routes, statements, and the policies that are in force, each with what is wrong with them."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
    engine.create_engine = _Engines(engine.create_engine).create  # type: ignore[assignment]
    _keep(Rule, "_compile_builder", _route)
    _keep(runtime, "compile_policies", _policies)
    _keep(runtime, "check_together", _looked_at)
    _keep(runtime, "later_connections", _looked_at)


class _Engines:
    """Engines that share the statements compiled for their kind of database, as if they were one."""

    def __init__(self, create: Callable[..., Engine]) -> None:
        self._create = create
        self._shared: dict[str, tuple[Any, Any]] = {}

    def create(self, url: str, **options: Any) -> Engine:
        made = self._create(url, query_cache_size=10_000, **options)
        if made.driver not in self._shared or self._shared[made.driver][0].server_version_info is None:
            self._shared[made.driver] = made.dialect, made._compiled_cache  # one that has not connected knows nothing
        # A statement is compiled for a dialect, hence theirs is the same as well
        made.dialect, made._compiled_cache = self._shared[made.driver]
        return made


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
