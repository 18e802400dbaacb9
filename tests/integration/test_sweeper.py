"""The sweeper on a real store, window and database: nothing goes that somebody may still fetch."""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.objects import S3Access, is_part
from media.origin import MARKS, Origin, open_origin
from media.store import MediaStore
from media.window import Record, part_name, segment_name
from server.broadcasts.sweeper import LOOK_SECONDS, STRANGER_SECONDS, STRANGERS_MAX, Limits, Sweeper
from server.db.pool import Pool
from server.recordings.recorder import Recorder, Terms
from server.recordings.rules import ENDED_LISTS_SECONDS, PARTS_KEPT_SECONDS
from tests.services.ingest import make_channel
from tests.services.s3 import URL, access, s3_server
from tests.services.worker import BEGIN_MS, Worker

ID, OLD, OLDER = "0" * 18, "1" * 18, "2" * 18
BEGAN = BEGIN_MS / 1000
DVR_SECONDS = 3600.0
LIMITS = Limits(1_000_000, 1_000_000, DVR_SECONDS, 0.05)


@dataclass
class Yard:
    """A recorder and a sweeper over what one worker writes."""

    db: Pool
    windows: LiveWindows
    origin: Origin
    folder: Path
    channel_id: int
    limits: Limits = LIMITS
    free_share: float = 1.0
    sweeper: Sweeper = field(init=False)
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        look: Callable[[], float] = lambda: self.free_share  # noqa: E731  # a closure over what a test may change
        self.recorder = Recorder(self.origin, self.windows, look, Terms(0.05, 0, 7200, 10**9))
        self.sweeper = Sweeper(self.origin, self.windows, look, self.limits)

    async def record(self, now: float) -> None:
        async with self.db.acquire() as connection:
            await self.recorder.once(connection, now)

    async def sweep(self, now: float) -> None:
        async with self.db.acquire() as connection:
            await self.sweeper.once(connection, now)

    async def broadcast(self, public_id: str = ID, channel_id: int | None = None) -> Worker:
        await self.db.execute(
            "INSERT INTO broadcasts (public_id, channel_id, state, title, category) VALUES ($1, $2, 'live', '', '')",
            public_id,
            channel_id or self.channel_id,
        )
        worker = Worker(public_id, self.origin, self.windows)
        await worker.claim()
        return worker

    async def end(self, now: float, public_id: str = ID) -> None:
        await self.db.execute(
            "UPDATE broadcasts SET state = 'ended', ended_at = to_timestamp($1) WHERE public_id = $2", now, public_id
        )
        await self.record(now)

    async def recording(self, public_id: str, segments: int, ended_at: float, channel_id: int | None = None) -> None:
        """One that is ready."""
        worker = await self.broadcast(public_id, channel_id)
        await worker.write(segments)
        await self.record(ended_at)
        await self.end(ended_at, public_id)

    async def states(self) -> dict[str, str]:
        rows = await self.db.fetch("SELECT public_id, v.state FROM vods v JOIN broadcasts b ON b.id = broadcast_id")
        return {row["public_id"]: row["state"] for row in rows}

    def files(self, public_id: str = ID) -> set[str]:
        """What lies in the live folder."""
        return {str(path.relative_to(self.folder)) for path in (self.folder / public_id).rglob("*") if path.is_file()}

    def segments(self, public_id: str = ID) -> set[str]:
        return {name for name in self.files(public_id) if name.endswith(".m4s") and not is_part(name)}

    def make_old(self) -> None:
        for path in self.folder.rglob("*.m4s"):
            os.utime(path, (0, 0))


def names(records: list[Record], public_id: str = ID) -> set[str]:
    return {
        f"{public_id}/{name}/{segment_name(record.generation, record.sequence)}"
        for record in records
        for name in record.pieces
    }


@pytest.fixture
async def yard(db: Pool, redis: Redis, tmp_path: Path) -> Yard:
    channel_id, _ = await make_channel(db, "Maria")
    folder = tmp_path / "media"
    return Yard(db, LiveWindows(redis), open_origin(folder.as_uri(), S3Access(), folder), folder, channel_id)


async def test_a_recorded_broadcast_keeps_everything_but_parts_without_a_list(yard: Yard) -> None:
    """Segments are the recording; a part goes when no list names it, and is older than players are slow."""
    worker = await yard.broadcast()
    records = await worker.write(20)
    await yard.record(BEGAN + 40)
    tail = worker.timeline.tails()["v1"].segments[-1]
    listed = {f"{ID}/v1/{worker.generation}-p{part.number}.m4s" for part in tail.parts}
    assert listed
    yard.make_old()
    before = {name for name in yard.files() if is_part(name)}
    await yard.sweep(BEGAN + 10 * DVR_SECONDS)
    assert names(records) <= yard.segments()
    after = {name for name in yard.files() if is_part(name)}
    assert listed <= after < before
    assert f"{ID}/v1/{worker.generation}-p0.m4s" not in after


async def test_what_is_not_recorded_goes_after_its_time_in_the_lists(yard: Yard) -> None:
    """It stays while one can rewind to it, and as long again, as RFC 8216bis §6.2.2 asks."""
    await yard.db.execute("UPDATE channels SET record = false")
    worker = await yard.broadcast()
    records = await worker.write(20)
    await yard.record(BEGAN + 40)
    await yard.windows.trim(ID, 10)
    hold = LIMITS.hold_seconds(is_tight=False)
    assert hold >= 2 * DVR_SECONDS
    await yard.sweep(BEGAN + 1.9 + hold)
    assert yard.segments() == names(records)
    await yard.sweep(BEGAN + 10.1 + hold)
    assert yard.segments() == names(records[5:]), "five have ended by then"
    await yard.sweep(BEGAN + 1000 + hold)
    assert yard.segments() == names(records[10:]), "the others are listed"
    live = await yard.windows.read(ID)
    assert live is not None
    assert live.first_sequence == 10


async def test_a_full_disk_takes_the_rewinding_and_leaves_live(yard: Yard) -> None:
    """Recording stops first; then what lies behind the live list goes, the list with it; what was recorded stays."""
    worker = await yard.broadcast()
    recorded = await worker.write(5)
    await yard.record(BEGAN + 10)
    yard.free_share = 0.01
    await yard.record(BEGAN + 12)
    more = await worker.write(60)
    await yard.record(BEGAN + 130)
    await yard.sweep(BEGAN + 130)
    await yard.sweep(BEGAN + 260)
    live = await yard.windows.read(ID)
    assert live is not None
    assert [record.sequence for record in live.records] == list(range(50, 65)), "30 s"
    assert yard.segments() == names([*recorded, *more[45:]])
    assert (await worker.write(1))[0].sequence == 65, "and live goes on"


async def test_a_quota_takes_the_oldest_recording(yard: Yard) -> None:
    """Of a channel that is over its own, of all when the site is; what is open counts, and never goes."""
    other, _ = await make_channel(yard.db, "Other")
    await yard.recording(OLDER, 10, BEGAN + 100)
    await yard.recording(OLD, 10, BEGAN + 200)
    await yard.recording("3" * 18, 10, BEGAN + 50, other)
    worker = await yard.broadcast()
    await worker.write(30)
    await yard.record(BEGAN + 300)
    sizes = await yard.db.fetchval(
        "SELECT size_bytes FROM vods v JOIN broadcasts b ON b.id = broadcast_id WHERE public_id = $1", ID
    )
    yard.limits = Limits(int(sizes * 1.5), 1_000_000, DVR_SECONDS, 0.05)
    yard.__post_init__()
    await yard.sweep(BEGAN + 300)
    assert await yard.states() == {OLDER: "deleted", OLD: "ready", "3" * 18: "ready", ID: "recording"}
    assert yard.files(OLDER) == set()
    assert yard.segments(OLD)
    yard.limits = Limits(1_000_000, 1, DVR_SECONDS, 0.05)
    yard.__post_init__()
    await yard.sweep(BEGAN + 300)
    assert set((await yard.states()).items()) >= {(OLD, "deleted"), ("3" * 18, "deleted"), (ID, "recording")}
    assert yard.segments()
    assert (
        await yard.db.fetchval(
            "SELECT count(*) FROM broadcast_segments s JOIN vods USING (broadcast_id) WHERE state = 'deleted'"
        )
        == 0
    )


async def test_a_recording_whose_time_is_over_goes(yard: Yard) -> None:
    """With its media, and its row says so."""
    await yard.recording(OLD, 3, BEGAN + 10)
    await yard.sweep(BEGAN + 20)
    assert await yard.states() == {OLD: "ready"}
    await yard.db.execute("UPDATE vods SET expires_at = now() - interval '1 second'")
    await yard.sweep(BEGAN + 30)
    assert await yard.states() == {OLD: "deleted"}
    assert yard.files(OLD) == set()
    assert await yard.db.fetchval("SELECT media_deleted_at IS NOT NULL FROM broadcasts")


async def test_after_the_end_only_the_recording_is_left(yard: Yard) -> None:
    """Parts go after a minute; what was not recorded when the live lists do, an hour later."""
    worker = await yard.broadcast()
    recorded = await worker.write(3)
    await yard.record(BEGAN)
    yard.free_share = 0.01
    await yard.record(BEGAN + 2)
    yard.free_share = 1.0
    rest = await worker.write(3)
    await yard.record(BEGAN + 4)
    await yard.end(BEGAN + 10)
    await yard.sweep(BEGAN + 10 + PARTS_KEPT_SECONDS - 1)
    assert any(is_part(name) for name in yard.files())
    await yard.sweep(BEGAN + 10 + PARTS_KEPT_SECONDS)
    assert not any(is_part(name) for name in yard.files())
    assert yard.segments() == names([*recorded, *rest])
    await yard.sweep(BEGAN + 10 + ENDED_LISTS_SECONDS)
    assert yard.segments() == names(recorded)
    assert await yard.states() == {ID: "ready"}


async def test_what_nobody_kept_goes_with_its_live_lists(yard: Yard) -> None:
    """A broadcast without a recording can be looked back at for an hour."""
    await yard.db.execute("UPDATE channels SET record = false")
    await yard.recording(ID, 3, BEGAN)
    await yard.sweep(BEGAN + ENDED_LISTS_SECONDS - 1)
    assert yard.segments()
    await yard.sweep(BEGAN + ENDED_LISTS_SECONDS + 1)
    assert yard.files() == set()


async def test_media_of_nobody_goes_and_other_things_stay(yard: Yard) -> None:
    """A deleted channel's broadcasts leave no rows and no media; the store may hold more than broadcasts."""
    await yard.origin.put(f"{'a' * 18}/v1/1-1.m4s", b"x")
    await yard.origin.put("avatars/1.png", b"x")
    await yard.sweep(BEGAN)
    await yard.sweep(BEGAN + STRANGER_SECONDS - 1)
    assert yard.files("a" * 18), "a row may still come back, with a backup"
    await yard.sweep(BEGAN + STRANGER_SECONDS + LOOK_SECONDS)
    assert yard.files("a" * 18) == set()
    assert yard.files("avatars") == {"avatars/1.png"}


async def test_a_database_that_knows_nothing_deletes_nothing(yard: Yard) -> None:
    """Many folders without a row: a restored or another's database is not believed, however long it says so."""
    for number in range(STRANGERS_MAX + 1):
        await yard.origin.put(f"{number:018x}/v1/1-1.m4s", b"x")
    await yard.sweep(BEGAN)
    await yard.sweep(BEGAN + 2 * STRANGER_SECONDS)
    assert yard.files(f"{0:018x}")


@pytest.fixture
async def far_yard(
    db: Pool, redis: Redis, tmp_path: Path, service_folder: Path
) -> AsyncIterator[tuple[Yard, MediaStore]]:
    """One whose store is elsewhere."""
    channel_id, _ = await make_channel(db, "Maria")
    with s3_server(service_folder) as port:
        folder = tmp_path / "live"
        yield (
            Yard(db, LiveWindows(redis), open_origin(URL, access(port), folder), folder, channel_id),
            MediaStore(URL, access(port)),
        )


async def test_a_broadcast_of_a_worker_elsewhere_ends_whole(far_yard: tuple[Yard, MediaStore]) -> None:
    """Its open segment's parts are in the store alone: the recording has them all the same, and then they go."""
    yard, store = far_yard
    await yard.broadcast()
    far = Worker(ID, Origin(store, store, is_one=True), yard.windows)
    await far.claim()
    records = await far.write(2)
    await far.write_parts(3)
    await yard.record(BEGAN + 10)
    await yard.end(BEGAN + 12)
    rows = await yard.db.fetch("SELECT sequence FROM broadcast_segments ORDER BY sequence")
    assert [row["sequence"] for row in rows] == [0, 1, 2]
    last = await store.get(f"{ID}/v1/{segment_name(far.generation, 2)}")
    parts = [await store.get(f"{ID}/v1/{part_name(far.generation, number)}") for number in (8, 9, 10)]
    assert last == b"".join(part or b"" for part in parts) != b""
    owed = await yard.origin.marked(ID)
    assert not any(name.endswith(".m4s") for name in owed), "nothing that no worker here has"
    await yard.sweep(BEGAN + 12 + PARTS_KEPT_SECONDS)
    left = {item.name async for item in store.objects(f"{ID}/")}
    assert names(records) <= left
    assert not any(map(is_part, left))


async def test_the_live_folder_keeps_what_the_store_has_not_got(far_yard: tuple[Yard, MediaStore]) -> None:
    """Copies go once one can't rewind to them, or the disk is full; what is marked stays; deleting takes both."""
    yard, store = far_yard
    worker = await yard.broadcast()
    records = await worker.write(60)
    await yard.record(BEGAN + 120)
    copied = names(records[:40])
    for name in copied:
        await store.put(name, b"x")
        (yard.folder / MARKS / name).unlink()
    await yard.sweep(BEGAN + 120)
    assert yard.segments() == names(records)
    yard.free_share = 0.01
    await yard.sweep(BEGAN + 60 + LIMITS.hold_seconds(is_tight=True))
    assert yard.segments() == names(records[30:]), "those that left the live list"
    await yard.sweep(BEGAN + 1000)
    assert yard.segments() == names(records[40:]), "the others are still owed to the store"
    yard.free_share = 1.0
    await yard.end(BEGAN + 2000)
    await yard.sweep(BEGAN + 2000 + ENDED_LISTS_SECONDS)
    assert yard.segments() == names(records[40:])
    for name in names(records[40:]):
        await store.put(name, b"x")
    await yard.origin.live.delete_prefix(f"{MARKS}/")
    await yard.sweep(BEGAN + 2010 + ENDED_LISTS_SECONDS)
    assert yard.files() == set()
    assert {item.name async for item in store.objects(f"{ID}/")} == names(records)
    await yard.db.execute("UPDATE vods SET state = 'deleted', deleted_at = now()")
    await yard.sweep(BEGAN + 2020 + ENDED_LISTS_SECONDS)
    assert [item.name async for item in store.objects(f"{ID}/")] == []
