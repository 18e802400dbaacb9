"""The conformance list against the real edge and the real web process, with real segments."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.store import MediaStore
from server.settings import Settings
from tests.conformance.report import examine, table
from tests.services.edge import edge_nginx, web_process
from tests.services.origin import Made, Origin, make_segments

SEGMENTS = 26


@pytest.fixture(scope="module")
def media_folder() -> Iterator[Path]:
    """Where the unprivileged nginx can read."""
    folder = Path(tempfile.mkdtemp(prefix="leams-hls-"))
    folder.chmod(0o755)
    (folder / "dist").mkdir()
    (folder / "cut").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def made(media_folder: Path) -> list[Made]:
    return make_segments(media_folder / "cut", SEGMENTS * 2)


@dataclass(frozen=True, slots=True)
class Served:
    """A broadcast and the address where it is served."""

    address: str
    origin: Origin


@pytest.fixture
async def served(settings: Settings, redis: Redis, media_folder: Path, made: list[Made]) -> AsyncIterator[Served]:
    store_folder = media_folder / "media"
    environment = {
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": settings.redis_url,
        "LEAMS_HOOK_SECRET": settings.hook_secret,
        "MEDIA_STORE": store_folder.as_uri(),
    }
    origin = Origin("b1", made, LiveWindows(redis), MediaStore(store_folder.as_uri()))
    await origin.take_over()
    with ExitStack() as stack:
        port = await asyncio.to_thread(stack.enter_context, web_process(media_folder, environment))
        edge = edge_nginx(media_folder, [port], media_folder / "dist", store_folder)
        yield Served(await asyncio.to_thread(stack.enter_context, edge), origin)


async def test_a_live_broadcast_keeps_every_point_of_the_list(served: Served) -> None:
    """A broadcast that slides, is taken over once and ends: no point fails, and the deviations are the argued ones."""
    origin = served.origin
    await origin.go_on(14)
    following = asyncio.create_task(examine(f"{served.address}/live/b1/index.m3u8", 60))
    await origin.go_on_live(3)
    await origin.take_over()
    await origin.go_on_live(3)
    await origin.end()
    seen, verdicts = await following
    report = table(verdicts)
    assert len(seen.tracks) == 3, report
    assert sum(len(track.files) for track in seen.tracks) == 60, report
    assert [verdict.point for verdict in verdicts if verdict.status == "FAIL"] == [], report
    assert {verdict.point for verdict in verdicts if verdict.status == "DEVIATION"} == {1, 3, 16}, report
    assert all(track.last.is_ended for track in seen.tracks)
    assert all(sum(broken for _, _, broken, _ in track.entries().values()) == 1 for track in seen.tracks)
