"""Somebody who uses the API in a test: signs up, keeps the cookie, sends the token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from server.app import create_app
from server.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PASSWORD = "correct horse battery"


class Person:
    """One browser: its own cookies, its access token, its address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token: str | None = None

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Call a door below `/api/v1` with what a browser sends."""
        sent = {"X-Leams": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=sent)

    async def register(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        """Make an account and be signed in; returns the account."""
        return self.enter(await self.call("POST", "/auth/register", {"name": name, "password": password}), 201)

    async def log_in(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        """Be signed in; returns the account."""
        return self.enter(await self.call("POST", "/auth/login", {"name": name, "password": password}), 200)

    def enter(self, reply: httpx.Response, status: int) -> dict[str, Any]:
        """Keep the session of a reply."""
        assert reply.status_code == status, reply.text
        session = reply.json()
        self.token = session["access_token"]
        account: dict[str, Any] = session["account"]
        return account

    @property
    def refresh_token(self) -> str | None:
        """What the cookie holds."""
        return self.client.cookies.get("leams_refresh")


class Site:
    """The web app in this process, and as many people before it as a test needs."""

    def __init__(self, app: "ASGIApp", base_url: str) -> None:
        self._app = app
        self._base_url = base_url
        self._clients: list[httpx.AsyncClient] = []

    def person(self, address: str = "127.0.0.1") -> Person:
        """A new browser at a network address."""
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False, client=(address, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url=self._base_url)
        self._clients.append(client)
        return Person(client)

    async def close(self) -> None:
        """Close every browser."""
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def open_site(settings: Settings) -> AsyncIterator[Site]:
    """Run the app's lifespan and open its doors."""
    app = create_app(settings)
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: "Scope", receive: "Receive", send: "Send") -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        site = Site(with_state, settings.public_url)
        try:
            yield site
        finally:
            await site.close()


def refusal(reply: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal."""
    error = reply.json()["error"]
    assert error["message"], "a refusal says why"
    return reply.status_code, error["code"], error["field"]
