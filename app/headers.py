"""Security headers for every answer. Strict by default; what has to be looser is named here, with its reason."""

from flask import Flask, Response, request

from app.settings import Settings

# Scripts and styles only from files of our own; images also as data:, which is how Bootstrap draws ticks and arrows
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"
_HSTS = "max-age=31536000"

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), payment=(), usb=()",
    ),
)
# Answers to the scripts and forms of other sites, which their browsers have to be allowed to take in
_FOR_OTHER_SITES = frozenset(("forms", "tracking"))
# Its address is a key: no other site may see it, but a form on the page must be able to say where it comes from
_LINKS = "handoff_page"


def protect(app: Flask, settings: Settings) -> None:
    """Give every answer of the app its headers. What a view has set itself stays."""
    always = _ALWAYS + ((("Strict-Transport-Security", _HSTS),) if settings.https else ())

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        for name, value in always:
            headers.setdefault(name, value)
        door = request.blueprint or ""
        headers.setdefault("Content-Security-Policy", _PAGE if response.mimetype == "text/html" else _DATA)
        headers.setdefault("Referrer-Policy", "strict-origin" if door == _LINKS else "no-referrer")
        headers.setdefault(
            "Cross-Origin-Resource-Policy", "cross-origin" if door in _FOR_OTHER_SITES else "same-origin"
        )
        headers.setdefault("Cache-Control", "no-store")
        return response
