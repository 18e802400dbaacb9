"""The conformance list against the real edge and the real web process, with real segments."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.playlist_reader import parse_media
from media.store import MediaStore
from server.settings import Settings
from tests.conformance.report import examine, table
from tests.services.bare_ingest import bare_ingest
from tests.services.edge import edge_nginx, web_process
from tests.services.encoder import encoder_command, publishing
from tests.services.origin import Made, Origin, make_segments
from tests.services.transcoders import Transcoding, has_segments

SEGMENTS = 36


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
def run_folder(media_folder: Path) -> Path:
    """One for each edge, where the unprivileged nginx can write."""
    folder = Path(tempfile.mkdtemp(dir=media_folder))
    folder.chmod(0o755)
    return folder


@pytest.fixture
async def address(settings: Settings, media_folder: Path, run_folder: Path) -> AsyncIterator[str]:
    """The real edge before a real web process, over the store in `media`."""
    environment = {
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": settings.redis_url,
        "LEAMS_HOOK_SECRET": settings.hook_secret,
        "MEDIA_STORE": (media_folder / "media").as_uri(),
    }
    with ExitStack() as stack:
        port = await asyncio.to_thread(stack.enter_context, web_process(run_folder, environment))
        edge = edge_nginx(run_folder, [port], media_folder / "dist", media_folder / "media")
        yield await asyncio.to_thread(stack.enter_context, edge)


@pytest.fixture
async def served(address: str, redis: Redis, media_folder: Path, made: list[Made]) -> Served:
    origin = Origin("b1", made, LiveWindows(redis), MediaStore((media_folder / "media").as_uri()))
    await origin.take_over()
    return Served(address, origin)


async def test_a_live_broadcast_keeps_every_point_of_the_list(served: Served) -> None:
    """A broadcast that slides, is taken over once and ends: no point fails, and the deviations are the argued ones."""
    origin = served.origin
    await origin.go_on(14)
    following = asyncio.create_task(examine(f"{served.address}/live/b1/index.m3u8", 90))
    await origin.go_on_live(16)
    await origin.take_over()
    await origin.go_on_live(3)
    await origin.end()
    seen, verdicts = await following
    report = table(verdicts)
    assert len(seen.tracks) == 3, report
    assert [verdict.point for verdict in verdicts] == list(range(1, 34)), report
    assert sum(len(track.files) for track in seen.tracks) == 3 * 33, report
    assert [verdict.point for verdict in verdicts if verdict.status == "FAIL"] == [], report
    assert {verdict.point for verdict in verdicts if verdict.status == "DEVIATION"} == {1, 3, 16}, report
    assert all(track.last.is_ended for track in seen.tracks)
    assert all(sum(broken for _, _, broken, _ in track.entries().values()) == 1 for track in seen.tracks)
    assert all(waits.after_end for waits in seen.waits)


async def test_the_edge_keeps_a_live_list_for_a_moment_only(served: Served) -> None:
    """Readers within a second mostly share one copy; who waits for a part has it at once, and the next asks nobody."""
    await served.origin.go_on(7)
    async with httpx.AsyncClient(base_url=served.address) as client:
        replies = [await client.get("/live/b1/v1/index.m3u8") for _ in range(20)]
        assert sum(reply.headers["X-Cache"] == "HIT" for reply in replies) >= 10
        assert not any("X-Accel-Expires" in reply.headers for reply in replies)
        query = "/live/b1/v1/index.m3u8?_HLS_msn=7&_HLS_part=0&_HLS_skip=YES"
        waiting = [asyncio.create_task(client.get(query)) for _ in range(20)]
        hint = parse_media(replies[0].text).hint_uri
        assert hint is not None
        part = asyncio.create_task(client.get(urljoin("/live/b1/v1/index.m3u8", hint)))
        await asyncio.sleep(
            0.1
        )  # nothing tells from outside that they are parked; were they not yet, they need not wait
        assert not any(task.done() for task in waiting)
        await served.origin.step()
        shown = asyncio.get_running_loop().time()
        assert {(await task).headers["X-Cache"] for task in waiting} <= {"MISS", "HIT"}
        assert (await part).headers["Content-Type"] == "video/iso.segment"
        assert asyncio.get_running_loop().time() - shown < 0.5
        assert (await client.get(query)).headers["X-Cache"] == "HIT"


async def test_what_the_transcoder_makes_keeps_every_point(
    address: str, redis: Redis, redis_url: str, media_folder: Path, service_folder: Path
) -> None:
    """An encoder, the ingest, the transcoder and the edge, until the window slides: no point fails."""
    with ExitStack() as stack:
        ingest = bare_ingest(service_folder / "hls-ingest")
        pull_url = await asyncio.to_thread(stack.enter_context, ingest)
        transcoding = Transcoding(redis, redis_url, pull_url, media_folder / "media", public_id="hls1")
        stack.enter_context(transcoding.worker("hls"))
        await transcoding.worker_ready()
        stack.enter_context(publishing(encoder_command(transcoding.address, size="640x360", fps=30)))
        await transcoding.enqueue()
        live = await transcoding.live_when(has_segments(2), "two segments")
        seen, verdicts = await examine(f"{address}/live/hls1/index.m3u8", 45)
    report = table(verdicts)
    assert len(seen.tracks) == len(live.renditions), report
    assert any(playlist.media_sequence > 0 for _, playlist in seen.tracks[0].seen), report
    assert [verdict.point for verdict in verdicts if verdict.status == "FAIL"] == [], report
    assert {verdict.point for verdict in verdicts if verdict.status == "DEVIATION"} <= {1, 3, 16}, report
