"""What several integration files share; those of the transcoder bring their own ingest as `pull_url`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from tests.services.chat import Account, Pair, People, web_process
from tests.services.transcoders import Transcoding


@pytest.fixture
def transcoding(
    pull_url: str, redis: Redis, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Transcoding:
    name: str = request.node.name
    return Transcoding(redis, redis_url, pull_url, tmp_path / "media", public_id=name.replace("_", "")[-40:])


@pytest.fixture
async def people(db: Pool) -> People:
    return People(db, await AccessTokens.load(db))


@pytest.fixture
async def owner(people: People) -> Account:
    """Of a channel of their own."""
    return await people.join()


@pytest.fixture
async def pair(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    with (
        web_process(database_url, redis_url, tmp_path) as one,
        web_process(database_url, redis_url, tmp_path) as two,
    ):
        yield one, two
