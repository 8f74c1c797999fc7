"""The API for programs: ``/api/v1``, with a bearer token, described at ``/api/v1/openapi.json``."""

from app.api import journeys as journeys  # adds its operations
from app.api.routes import api

__all__ = ["api"]
