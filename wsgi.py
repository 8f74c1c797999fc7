"""The web application, built once: ``granian --interface wsgi wsgi:app``."""

import gc

from app.factory import create_app
from app.logs import set_up_logs

set_up_logs()
app = create_app()
# It is there to stay, and looking through it for cycles takes a tenth of a second in the middle of somebody's request
gc.collect()
gc.freeze()
