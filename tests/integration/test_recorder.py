"""The recorder on a real database, Redis and disk: what was copied is never lost, what has ended plays at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.objects import S3Access
from media.origin import Origin, open_origin
from media.window import Rendition, part_name
from server.db.pool import Pool
from server.recordings import store
from server.recordings.lists import texts_of
from server.recordings.recorder import RESTORE_SECONDS, Recorder, Terms
from server.recordings.rules import playable
from server.recordings.store import Vod
from tests.services.ingest import make_channel
from tests.services.worker import SOUND, VIDEO, Worker

ID = "0" * 18
NOW = 2_000_000_000.0


@dataclass
class Studio:
    """A recorder, and a broadcast that it records."""

    db: Pool
    windows: LiveWindows
    origin: Origin
    channel_id: int
    free_share: float = 1.0
    now: float = NOW
    recorder: Recorder = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        look: Callable[[], float] = lambda: self.free_share  # noqa: E731  # a closure over what a test may change
        self.recorder = Recorder(self.origin, self.windows, look, Terms(0.05, 0, 7200, 10**9))
        self.worker = Worker(ID, self.origin, self.windows)

    async def look(self, seconds: float = 2.0) -> None:
        self.now += seconds
        async with self.db.acquire() as connection:
            await self.recorder.once(connection, self.now)

    async def end(self) -> None:
        await self.db.execute("UPDATE broadcasts SET state = 'ended', ended_at = to_timestamp($1)", self.now)

    async def vod(self) -> Vod:
        async with self.db.acquire() as connection:
            vod = await store.vod(connection, ID)
        assert vod is not None
        return vod

    async def texts(self) -> dict[str, str]:
        """The recording's lists."""
        vod = await self.vod()
        async with self.db.acquire() as connection:
            records = await store.records_of(connection, vod.broadcast_id)
        made = texts_of(ID, vod.master, playable(records, vod.recorded_through))
        return {name: text.decode() for name, text in made.items()}

    async def sequences(self) -> list[int]:
        rows = await self.db.fetch("SELECT sequence FROM broadcast_segments ORDER BY sequence")
        return [row["sequence"] for row in rows]


@pytest.fixture
async def studio(db: Pool, redis: Redis, tmp_path: Path) -> Studio:
    channel_id, _ = await make_channel(db, "Maria")
    await db.execute(
        "INSERT INTO broadcasts (public_id, channel_id, state, title, category) VALUES ($1, $2, 'live', 'A title', '')",
        ID,
        channel_id,
    )
    origin = open_origin((tmp_path / "media").as_uri(), S3Access(), tmp_path / "media")
    return Studio(db, LiveWindows(redis), origin, channel_id)


async def test_the_same_segments_play_when_it_is_over(studio: Studio) -> None:
    """Records are copied while it lives, each once; at the end the lists name the very files, with an ENDLIST."""
    await studio.worker.claim()
    await studio.worker.write(3)
    await studio.look()
    assert await studio.sequences() == [0, 1, 2]
    assert (await studio.vod()).state == "recording"
    await studio.worker.write(2)
    await studio.look()
    await studio.look()
    assert await studio.sequences() == [0, 1, 2, 3, 4]
    await studio.end()
    await studio.look(0.5)
    vod = await studio.vod()
    assert (vod.state, vod.duration_ms, vod.title) == ("ready", 10_000, "A title")
    texts = await studio.texts()
    assert set(texts) == {"index", "v1/index", "v1/iframes", "audio/index"}
    assert texts["v1/index"].endswith("#EXT-X-ENDLIST\n")
    assert texts["v1/index"].count("#EXTINF") == 5
    files = [line for line in texts["v1/index"].splitlines() if line.startswith("../../../media/")]
    sizes = [len(await studio.origin.get(file.removeprefix("../../../media/")) or b"") for file in files]
    assert all(sizes)
    assert vod.size_bytes >= sum(sizes)


async def test_a_redis_that_loses_everything_loses_nothing_copied(studio: Studio, redis: Redis) -> None:
    """The worker puts its own memory back; with the worker gone as well, the recorder does, and the numbers go on."""
    await studio.worker.claim()
    await studio.worker.write(3)
    await studio.look()
    await redis.flushall()
    await studio.worker.write(1)
    await studio.look()
    assert await studio.sequences() == [0, 1, 2, 3]
    await redis.flushall()
    await studio.look()
    assert await studio.windows.read(ID) is None, "a worker may still know better"
    await studio.look(RESTORE_SECONDS)
    live = await studio.windows.read(ID)
    assert live is not None
    assert [record.sequence for record in live.records] == [0, 1, 2, 3]
    assert live.master.renditions[0] == VIDEO
    second = Worker(ID, studio.origin, studio.windows)
    await second.claim()
    records = await second.write(2)
    assert [record.sequence for record in records] == [4, 5]
    assert records[0].has_discontinuity
    await studio.look()
    await redis.flushall()
    await studio.end()
    await studio.look()
    assert (await studio.vod()).state == "ready"
    assert (await studio.texts())["v1/index"].count("#EXTINF") == 6


async def test_a_worker_that_died_at_the_end_costs_at_most_a_part(studio: Studio) -> None:
    """What it left open becomes the last segment: the parts that are files, one after the other."""
    await studio.worker.claim()
    await studio.worker.write(2)
    await studio.look()
    await studio.worker.write_parts(3)
    lost = part_name(studio.worker.generation, studio.worker.timeline.next_part("v1") - 1)
    await studio.origin.live.delete(f"{ID}/v1/{lost}")
    await studio.end()
    await studio.look()
    vod = await studio.vod()
    assert (vod.state, vod.duration_ms) == ("ready", 5000), "2 s, 2 s, and two of three parts of half a second"
    assert await studio.sequences() == [0, 1, 2]
    generation = studio.worker.generation
    whole = await studio.origin.get(f"{ID}/v1/{generation}-2.m4s")
    assert whole == b"".join(b"v1 %d part %d " % (generation, number) for number in (8, 9))
    sound = await studio.origin.get(f"{ID}/audio/{generation}-2.m4s")
    assert sound == b"".join(b"audio %d part %d " % (generation, number) for number in (8, 9, 10))


async def test_the_slate_is_not_in_the_recording(studio: Studio) -> None:
    """Its records are copied, for the numbers; the lists step over it with a break."""
    await studio.worker.claim()
    await studio.worker.write(2)
    await studio.worker.begin(is_slate=True)
    await studio.worker.write(3)
    await studio.worker.begin()
    await studio.worker.write(1)
    await studio.worker.begin(is_slate=True)
    await studio.worker.write_parts(2)
    await studio.end()
    await studio.look()
    vod = await studio.vod()
    assert (vod.state, vod.duration_ms) == ("ready", 6000)
    text = (await studio.texts())["v1/index"]
    assert text.count("#EXTINF") == 3
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1


async def test_a_full_disk_stops_the_recording_and_nothing_else(studio: Studio) -> None:
    """What was copied by then is the recording; records go on being copied, for Redis' sake."""
    await studio.worker.claim()
    await studio.worker.write(2)
    await studio.look()
    studio.free_share = 0.04
    await studio.look()
    vod = await studio.vod()
    assert (vod.state, vod.recording_stopped_for, vod.recorded_through) == ("stopped", "disk_full", 1)
    studio.free_share = 1.0
    await studio.worker.write(2)
    await studio.look()
    assert await studio.sequences() == [0, 1, 2, 3]
    await studio.end()
    await studio.look()
    vod = await studio.vod()
    assert (vod.state, vod.duration_ms) == ("ready", 4000)
    assert (await studio.texts())["v1/index"].count("#EXTINF") == 2


async def test_a_recording_does_not_outgrow_its_quota(studio: Studio) -> None:
    """It stops before it would have to be deleted whole."""
    studio.recorder = Recorder(studio.origin, studio.windows, lambda: 1.0, Terms(0.05, 0, 7200, 1000))
    await studio.worker.claim()
    await studio.worker.write(10)
    await studio.look()
    await studio.worker.write(5)
    await studio.look()
    vod = await studio.vod()
    assert (vod.state, vod.recording_stopped_for, vod.recorded_through) == ("stopped", "over_quota", 9)


async def test_who_wants_no_recording_gets_none(studio: Studio) -> None:
    """Switched off before: nothing is kept.  Switched off on the way: what was there until then."""
    await studio.db.execute("UPDATE channels SET record = false")
    await studio.worker.claim()
    await studio.worker.write(2)
    await studio.look()
    assert ((await studio.vod()).state, (await studio.vod()).recorded_through) == ("stopped", -1)
    await studio.end()
    await studio.look()
    assert (await studio.vod()).state == "deleted"


async def test_a_broadcast_that_never_sent_a_picture_leaves_nothing(studio: Studio) -> None:
    """Neither does one whose recorder was away from its beginning to its end, if Redis has forgotten it."""
    await studio.end()
    await studio.db.execute("UPDATE broadcasts SET ended_at = now()")
    await studio.look()
    assert (await studio.vod()).state == "deleted"


async def test_a_recorder_that_comes_late_copies_all(studio: Studio) -> None:
    """Jobs was away for the whole broadcast: Redis remembers it for an hour after its end."""
    await studio.worker.claim()
    await studio.worker.write(3)
    await studio.end()
    await studio.db.execute("UPDATE broadcasts SET ended_at = now()")
    await studio.windows.end(ID)
    await studio.look()
    assert ((await studio.vod()).state, (await studio.vod()).duration_ms) == ("ready", 6000)


async def test_a_rung_that_was_shed_is_known_to_the_recording(studio: Studio) -> None:
    """A rendition that left at the end is offered all the same; one that was hardly there is not."""
    small = Rendition("v2", "video", "avc1.64001e", 800_000, 600_000, 640, 360, 30.0, "audio")
    await studio.worker.claim((VIDEO, small, SOUND))
    await studio.worker.write(10)
    await studio.look()
    await studio.worker.begin((VIDEO, SOUND))
    await studio.worker.write(1)
    await studio.look()
    await studio.end()
    await studio.look()
    texts = await studio.texts()
    assert "v2/index" in texts
    assert texts["v2/index"].count("#EXT-X-GAP") == 1
