"""What several integration files share; each of them brings its own ingest as `pull_url`."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.services.transcoders import Transcoding


@pytest.fixture
def transcoding(
    pull_url: str, redis: Redis, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Transcoding:
    name: str = request.node.name
    return Transcoding(redis, redis_url, pull_url, tmp_path / "media", public_id=name.replace("_", "")[-40:])
