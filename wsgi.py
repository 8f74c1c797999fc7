"""The web application, built once: ``granian --interface wsgi wsgi:app``."""

from app.factory import create_app, log_as_json

log_as_json()
app = create_app()
