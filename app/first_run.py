"""What a newcomer sees first."""

from collections.abc import Sequence

import click

from app.runtime import Runtime
from jobs.supervise import Part


def greet(runtime: Runtime, demo: bool, parts: Sequence[Part], env: dict[str, str]) -> None:
    """Say where to look; on a first run without connections play the sandbox story."""
    click.echo(f"Baton is at {runtime.settings.public_url}/admin/   (stop with Ctrl-C)")
