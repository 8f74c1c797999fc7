"""Security headers for every answer. Strict by default; what has to be looser is named here, with its reason."""

from functools import cache

from flask import Flask, Response, request

from app.settings import Settings

# Scripts and styles only from files of our own; images also as data:, which is how Bootstrap draws ticks and arrows
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Their script looks again how far the work has come
_RENEWS = frozenset(("admin.rehearsal", "admin.mapping_again", "admin.import_one"))
_RENEWING_PAGE = f"{_PAGE}; connect-src 'self'"
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

    @cache
    def headers_for(door: str, is_page: bool, renews: bool) -> dict[str, tuple[str, str]]:
        """lower-case name → (name, value)"""
        made = (
            *always,
            ("Content-Security-Policy", (_RENEWING_PAGE if renews else _PAGE) if is_page else _DATA),
            ("Referrer-Policy", "strict-origin" if door == _LINKS else "no-referrer"),
            ("Cross-Origin-Resource-Policy", "cross-origin" if door in _FOR_OTHER_SITES else "same-origin"),
            ("Cache-Control", "no-store"),
        )
        return {name.lower(): (name, value) for name, value in made}

    @app.after_request
    def add(response: Response) -> Response:
        is_page, renews = response.mimetype == "text/html", request.endpoint in _RENEWS
        wanted = headers_for(request.blueprint or "", is_page, renews)
        set_already = {name.lower() for name, _ in response.headers}
        response.headers.extend([header for name, header in wanted.items() if name not in set_already])
        return response
