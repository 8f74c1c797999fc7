"""``create_app``: the one place where the web process is joined together."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from app import admin
from app.accept import Acceptor
from app.admin.errors import http_error_page, is_screen, our_error_page
from app.api import api
from app.forms import forms
from app.handoff_page import handoff_page
from app.headers import protect
from app.limits import limiter
from app.probes import probes
from app.receive import answer
from app.runtime import Runtime
from app.settings import Settings
from app.store.engine import is_unavailable
from app.tracking import tracking
from app.webhooks import webhooks
from jobs.queue import Waker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(runtime: Runtime | None = None) -> Flask:
    """The web application on a runtime; by default the one that the environment describes."""
    runtime = runtime or Runtime(Settings.from_environment())
    waker = Waker(runtime.settings.redis_url)
    parts = {"runtime": runtime, "waker": waker, "acceptor": Acceptor(runtime, waker)}
    app = _bare("app", parts)
    limiter.init_app(app)
    for door in (forms, tracking, probes, api, handoff_page):
        app.register_blueprint(door)
    admin.install(app, runtime.settings)
    # Vendors call one address, again and again. There is nothing there to sign in to and nobody to slow down, and an
    # app without sessions and rate limits costs them half as much
    vendors = _bare("vendors", parts)
    vendors.register_blueprint(webhooks)
    app.wsgi_app = _by_path("/webhooks/", vendors.wsgi_app, app.wsgi_app)  # type: ignore[assignment,method-assign]
    if runtime.settings.proxy_hops:
        hops = runtime.settings.proxy_hops
        # Only the client's address is taken from the proxy; URLs are built from BATON_PUBLIC_URL
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign]
    return app


def _bare(name: str, parts: Mapping[str, Any]) -> Flask:
    """An app that has the process's parts, answers errors and protects its answers, and does nothing yet."""
    app = Flask(name, static_folder=None)
    app.extensions.update(parts)
    protect(app, parts["runtime"].settings)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_error)
    return app


def _by_path(path: str, special: "WSGIApplication", general: "WSGIApplication") -> "WSGIApplication":
    def choose(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return (special if environ.get("PATH_INFO", "").startswith(path) else general)(environ, start_response)

    return choose


def _http_error(error: HTTPException) -> Response:
    if is_screen(request.path):
        return http_error_page(error)
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    if type(error).get_response is not HTTPException.get_response:
        return error.get_response()  # type: ignore[return-value]
    return answer({"error": error.name.lower()}, error.code or 500)


def _our_error(error: Exception) -> Response:
    structlog.get_logger("baton.web").error("failed", error=type(error).__name__, exc_info=error)
    if is_screen(request.path):
        return our_error_page(error)
    if is_unavailable(error):
        return answer({"error": "the database is away; try again"}, 503)
    return answer({"error": "something went wrong on our side"}, 500)
