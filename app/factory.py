"""``create_app``: the one place where the web process is joined together."""


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
from app.tracking import tracking
from app.webhooks import webhooks
from jobs.queue import Waker


def create_app(runtime: Runtime | None = None) -> Flask:
    """The web application on a runtime; by default the one that the environment describes."""
    runtime = runtime or Runtime(Settings.from_environment())
    app = Flask("app", static_folder=None)
    app.extensions["runtime"] = runtime
    app.extensions["waker"] = waker = Waker(runtime.settings.redis_url)
    app.extensions["acceptor"] = Acceptor(runtime, waker)
    limiter.init_app(app)
    protect(app, runtime.settings)
    for door in (webhooks, forms, tracking, probes, api, handoff_page):
        app.register_blueprint(door)
    admin.install(app, runtime.settings)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_error)
    if runtime.settings.proxy_hops:
        hops = runtime.settings.proxy_hops
        # Only the client's address is taken from the proxy; URLs are built from BATON_PUBLIC_URL
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign]
    return app


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
    return answer({"error": "something went wrong on our side"}, 500)
