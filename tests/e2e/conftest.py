"""One whole platform for all end-to-end tests."""

import secrets
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from clients.api import Api
from tests.services.stack import Stack, running_stack

PASSWORD = "a good long password"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack("--no-demo") as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=10) as client:
        yield client


@pytest.fixture
async def person(stack: Stack) -> AsyncIterator[Api]:
    """A newly registered account with its channel."""
    async with Api(stack.url) as api:
        await api.register(f"u{secrets.token_hex(6)}", PASSWORD)
        yield api
