"""A web application in the test's own process, and what is sent to its doors."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.limits import limiter
from app.runtime import Runtime
from app.store import access


def open_app(runtime: Runtime) -> Flask:
    """The application, with nobody's requests counted yet."""
    app = create_app(runtime)
    limiter.reset()
    return app


def client(runtime: Runtime) -> FlaskClient:
    """A client of a fresh application."""
    return open_app(runtime).test_client()


def token(runtime: Runtime, name: str = "tests") -> str:
    """A new API token."""
    with runtime.database.write() as conn:
        return access.create_token(conn, name, runtime.clock())


class Api:
    """The API with a token, over a database of some kind."""

    def __init__(self, runtime: Runtime) -> None:
        self.client, self.secret = client(runtime), token(runtime)

    def call(self, method: str, path: str, **more: Any) -> Any:
        """The response."""
        headers = {"Authorization": f"Bearer {self.secret}"}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, status: int = 200) -> Any:
        """The document at a path."""
        answer = self.call("GET", path)
        assert answer.status_code == status, answer.text
        return answer.json

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        """What a command answers."""
        answer = self.call("POST", path, json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json

    def walk(self, path: str, limit: int) -> list[Any]:
        """All items of a list, page by page."""
        sign = "&" if "?" in path else "?"
        found, cursor = [], ""
        while True:
            page = self.get(f"{path}{sign}limit={limit}{cursor}")
            assert len(page["items"]) <= limit
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"
