"""The web application, built once: ``granian --interface wsgi wsgi:app``."""

from app.factory import create_app
from app.logs import set_up_logs

set_up_logs()
app = create_app()
