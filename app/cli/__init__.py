"""The ``baton`` command. Each command imports what it needs when it runs, so that help is there at once."""

import click

from app.cli.access import token, user
from app.cli.connections import connection
from app.cli.erasing import erase, erasure, subject_access
from app.cli.importing import import_
from app.cli.policies import policy
from app.cli.rehearsing import rehearse
from app.cli.repairs import doctor, replay, retry
from app.cli.running import bench, run, sandbox, web, worker

policy.add_command(rehearse)


@click.group(
    commands=(
        *(run, web, worker, sandbox, bench, connection, token, user, policy, import_),
        *(replay, retry, subject_access, erase, erasure, doctor),
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="baton")
def main() -> None:
    """Baton keeps the one true state of every contact between your tools, and decides what may happen next."""
