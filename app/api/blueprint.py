"""The blueprint that all operations join, and the document that describes them."""

from flask import Blueprint, Response

from app.api.document import document
from app.receive import answer

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/openapi.json")
def described() -> Response:
    """What this API offers; needs no token."""
    return answer(document())
