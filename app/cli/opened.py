"""The installation that the environment describes, opened for one command."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from app.runtime import Runtime
    from app.store.connections import Connection


def opened(prepare: bool = True) -> "Runtime":
    """The runtime that the environment describes, ready for use."""
    from app.runtime import Runtime
    from app.settings import InvalidSetting, Settings
    from app.setup import prepare as make_ready

    try:
        settings = Settings.from_environment()
        settings.home.mkdir(parents=True, exist_ok=True)
        runtime = Runtime(settings, pool_size=4)
        if prepare:
            make_ready(runtime)
    except InvalidSetting as error:
        raise click.ClickException(str(error)) from None
    return runtime


def named(runtime: "Runtime", name: str) -> "Connection":
    """The connection with this name."""
    one = runtime.connection(name)
    if one is None:
        raise click.ClickException(f'there is no connection "{name}"; `baton connection list` shows all')
    return one
