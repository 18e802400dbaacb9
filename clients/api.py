"""The HTTP API as an async Python client.

    async with Api("http://127.0.0.1:8080") as api:
        await api.log_in("ann", "correct horse battery")
        channel = await api.channel("ann")

The access token is kept in memory and renewed with the refresh cookie shortly before it ends.
"""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

RENEW_BEFORE_SECONDS = 30.0
"""A token this close to its end is renewed first: it must survive the request it is sent with."""

Json = dict[str, Any]


class ApiError(Exception):
    """The server refused: `code` is its machine word, `retry_after_seconds` is set where trying again can help."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None, retry_after_seconds: float | None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds

    @classmethod
    def from_response(cls, response: httpx.Response) -> Self:
        """Read the one shape of refusals; anything else (a proxy's page) becomes `http_<status>`."""
        try:
            error = response.json()["error"]
            return cls(
                response.status_code, error["code"], error["message"], error["field"], error["retry_after_seconds"]
            )
        except (ValueError, KeyError, TypeError):
            return cls(response.status_code, f"http_{response.status_code}", response.reason_phrase, None, None)


class Api:
    """One signed-in (or guest) person; safe to share between tasks of one loop."""

    def __init__(
        self, base_url: str, *, timeout_seconds: float = 10.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.base_url, timeout=timeout_seconds, transport=transport)
        self._token: str | None = None
        self._token_ends_at = 0.0
        self._renewing = asyncio.Lock()
        self.account: Json | None = None

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    # -- who am I --

    async def register(self, name: str, password: str) -> Json:
        """Make an account with its channel, and be signed in."""
        return self._take_session(await self._call("POST", "/auth/register", {"name": name, "password": password}))

    async def log_in(self, name: str, password: str) -> Json:
        """Sign in; returns the account."""
        return self._take_session(await self._call("POST", "/auth/login", {"name": name, "password": password}))

    async def log_out(self) -> None:
        """End this session."""
        await self._call("POST", "/auth/logout")
        self._token, self.account = None, None

    async def access_token(self) -> str | None:
        """A token that holds for at least `RENEW_BEFORE_SECONDS`, or None for a guest.

        Raises:
            ApiError: the session has ended; sign in again.
        """
        if self._token is None:
            return None
        async with self._renewing:
            if time.monotonic() > self._token_ends_at - RENEW_BEFORE_SECONDS:
                self._take_session(await self._call("POST", "/auth/refresh"))
        return self._token

    # -- channels --

    async def channels(self, *, live: bool = False) -> list[Json]:
        """Channels, followed ones first."""
        reply = await self.request("GET", "/channels", query={"live": "1"} if live else {})
        return list(reply["channels"])

    async def channel(self, slug: str) -> Json:
        """One channel by the last part of its address."""
        return await self.request("GET", f"/channels/{slug}")

    async def edit_channel(self, slug: str, **changes: str) -> Json:
        """Change `title`, `category` or `description` of one's own channel."""
        return await self.request("PATCH", f"/channels/{slug}", changes)

    async def follow(self, slug: str) -> None:
        """Follow a channel."""
        await self.request("PUT", f"/channels/{slug}/follow")

    async def unfollow(self, slug: str) -> None:
        """Follow it no longer."""
        await self.request("DELETE", f"/channels/{slug}/follow")

    async def create_stream_key(self, slug: str, label: str) -> str:
        """A new key for an encoder; this is the only time it is shown."""
        return str((await self.request("POST", f"/channels/{slug}/stream-keys", {"label": label}))["secret"])

    async def broadcast(self, slug: str) -> Json:
        """What the dashboard shows of one's own broadcast."""
        return await self.request("GET", f"/channels/{slug}/broadcast")

    async def stop_broadcast(self, slug: str) -> None:
        """End it for everybody."""
        await self.request("POST", f"/channels/{slug}/broadcast/stop")

    # -- the wire --

    async def request(
        self, method: str, path: str, body: Json | None = None, *, query: Mapping[str, str] | None = None
    ) -> Json:
        """Call any address below `/api/v1` as the signed-in person; an empty reply is an empty dict.

        Raises:
            ApiError: the server refused.
            httpx.TransportError: it could not be reached.
        """
        token = await self.access_token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._call(method, path, body, headers=headers, query=query)

    async def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        response = await self._http.request(
            method, f"/api/v1{path}", json=body, params=query or None, headers={"X-Leams": "1", **(headers or {})}
        )
        if response.is_error:
            raise ApiError.from_response(response)
        return dict(response.json()) if response.content else {}

    def _take_session(self, session: Json) -> Json:
        self._token = session["access_token"]
        self._token_ends_at = time.monotonic() + session["expires_in_seconds"]
        account: Json = session["account"]
        self.account = account
        return account
