"""The HTTP client renews its token in time and turns refusals into data."""

import json

import httpx
import pytest

from clients.api import Api, ApiError

ACCOUNT = {"id": 1, "name": "ann"}


class Site:
    """A site of a few addresses: counts what it is asked."""

    def __init__(self, token_seconds: float) -> None:
        self.token_seconds = token_seconds
        self.refreshes = 0
        self.seen_tokens: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        match request.url.path.removeprefix("/api/v1"):
            case "/auth/login" if json.loads(request.content)["password"] == "right":
                return self._session()
            case "/auth/login":
                error = {"code": "bad_login", "message": "No.", "field": None, "retry_after_seconds": 2.5}
                return httpx.Response(401, json={"error": error})
            case "/auth/refresh":
                self.refreshes += 1
                return self._session()
            case "/auth/logout":
                return httpx.Response(204)
            case "/channels/ann":
                self.seen_tokens.append(request.headers.get("Authorization"))
                return httpx.Response(200, json={"id": 7})
        return httpx.Response(502, text="<h1>Bad gateway</h1>")

    def _session(self) -> httpx.Response:
        body = {"access_token": f"t{self.refreshes}", "expires_in_seconds": self.token_seconds, "account": ACCOUNT}
        return httpx.Response(200, json=body)


def api_of(site: Site) -> Api:
    return Api("http://leams.test/", transport=httpx.MockTransport(site))


async def test_guest_sends_no_token() -> None:
    """Without signing in no Authorization header leaves."""
    site = Site(600)
    async with api_of(site) as api:
        assert await api.channel("ann") == {"id": 7}
        assert await api.access_token() is None
    assert site.seen_tokens == [None]


async def test_token_is_used_until_it_nears_its_end() -> None:
    """A fresh token is sent as it is, one within 30 s of its end is renewed first."""
    site = Site(600)
    async with api_of(site) as api:
        assert await api.log_in("ann", "right") == ACCOUNT
        await api.channel("ann")
        site.token_seconds = 600
        api._token_ends_at = 0
        await api.channel("ann")
    assert site.seen_tokens == ["Bearer t0", "Bearer t1"]
    assert site.refreshes == 1


async def test_log_out_forgets() -> None:
    """After logging out the client is a guest again."""
    site = Site(600)
    async with api_of(site) as api:
        await api.log_in("ann", "right")
        await api.log_out()
        assert api.account is None
        assert await api.access_token() is None


async def test_refusal_carries_its_data() -> None:
    """A refusal is an ApiError with code, status and when to try again."""
    async with api_of(Site(600)) as api:
        with pytest.raises(ApiError) as caught:
            await api.log_in("ann", "wrong")
    assert (caught.value.status, caught.value.code, caught.value.retry_after_seconds) == (401, "bad_login", 2.5)


async def test_foreign_error_page_is_still_an_api_error() -> None:
    """A proxy's page becomes a code of its status."""
    async with api_of(Site(600)) as api:
        with pytest.raises(ApiError, match="Bad Gateway") as caught:
            await api.channel("nobody")
    assert caught.value.code == "http_502"
