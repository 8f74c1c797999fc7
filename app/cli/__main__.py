"""``python -m app.cli`` is ``baton``, also where nothing is installed."""

from app.cli import main

main(prog_name="baton")
