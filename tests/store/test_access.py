"""Passwords are slow to guess as shipped; the tests' own hasher is quick."""

import subprocess
import sys


def test_a_password_costs_whoever_guesses_it_64_mib_and_three_rounds() -> None:
    code = "from app.store.access import _hasher; print(_hasher.hash('correct horse battery'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
