"""The doors of recordings: lists for players, pages and rights, on a real database, Redis and store."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.objects import IMMUTABLE
from media.origin import Origin, open_origin
from media.playlist_reader import parse_media, parse_multivariant
from media.window import Master
from server.db.pool import Pool
from server.recordings.lists import FRESH_SECONDS, VodLists, texts_of
from server.recordings.objects import STREAMS_MAX, StoredMedia
from server.recordings.recorder import Recorder, Terms
from server.recordings.routes import PAGE
from server.refusal import AppError
from server.settings import Settings
from tests.services.people import Person, Site, open_site, refusal
from tests.services.s3 import S3Proxy, environment, s3_server
from tests.services.worker import BOTH, Worker

NOW = 1_800_000_000.0


@dataclass
class House:
    """A site with Maria, who has a channel, and what she broadcast."""

    site: Site
    db: Pool
    windows: LiveWindows
    origin: Origin
    maria: Person

    async def broadcast(self, public_id: str, segments: int = 3) -> Worker:
        await self.db.execute(
            "INSERT INTO broadcasts (public_id, channel_id, state, title, category, live_at)"
            " SELECT $1, id, 'live', 'A title', 'Games', now() FROM channels WHERE slug = 'maria'",
            public_id,
        )
        worker = Worker(public_id, self.origin, self.windows)
        await worker.claim()
        await worker.write(segments)
        return worker

    async def record(self) -> None:
        recorder = Recorder(self.origin, self.windows, lambda: 1.0, Terms(0.05, 0, 7200, 10**9))
        async with self.db.acquire() as connection:
            await recorder.once(connection, NOW)

    async def end(self) -> None:
        await self.db.execute("UPDATE broadcasts SET state = 'ended', ended_at = now() WHERE state <> 'ended'")
        await self.record()

    async def get(self, path: str, person: Person | None = None, **headers: str) -> Any:
        """A player's request."""
        token = {"Authorization": f"Bearer {person.token}"} if person else {}
        return await (person or self.maria).client.get(path, headers={**token, **headers})


@pytest.fixture
async def house(settings: Settings, db: Pool, redis: Redis) -> AsyncIterator[House]:
    async with open_site(settings) as site:
        maria = site.person()
        await maria.register("Maria")
        origin = open_origin(settings.media_store, settings.media_access, settings.live_folder)
        yield House(site, db, LiveWindows(redis), origin, maria)


async def test_a_recording_plays_from_its_own_address(house: House) -> None:
    """While it is live there is none; then three kinds of lists, final, with the live segments' addresses."""
    await house.broadcast("vod1")
    await house.record()
    assert (await house.get("/vod/vod1/index.m3u8")).status_code == 404
    await house.end()
    lists = VodLists(house.db)
    multivariant = parse_multivariant((await lists.text("vod1", "index"))[0].decode())
    assert [variant.uri for variant in multivariant.variants] == ["v1/index.m3u8", "audio/index.m3u8"]
    media = parse_media((await lists.text("vod1", "v1/index"))[0].decode())
    assert media.is_ended
    assert media.playlist_type == "VOD"
    assert all(entry.uri.startswith("../../../media/vod1/v1/") for entry in media.entries)
    frames = parse_media((await lists.text("vod1", "v1/iframes"))[0].decode())
    assert frames.is_iframes_only
    assert len(frames.entries) == len(media.entries) == 3


async def test_lists_can_be_kept_a_little_and_read_from_elsewhere(house: House) -> None:
    """Players on other sites may read; what is not there is a typed 404."""
    await house.broadcast("vod1")
    await house.end()
    reply = await house.get("/vod/vod1/index.m3u8")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "max-age=10" in reply.headers["cache-control"]
    assert (await house.get("/vod/vod1/v1/index.m3u8")).status_code == 200
    assert (await house.get("/vod/vod1/v1/iframes.m3u8")).status_code == 200
    for path in (
        *("/vod/vod1/audio/iframes.m3u8", "/vod/vod1/v9/index.m3u8", "/vod/vod2/index.m3u8", "/vod/vod1/v1/x.m3u8"),
        *("/vod/", "/vod/vod1/../../etc/passwd", "/vod/%2e%2e%2fx/index.m3u8", f"/vod/{'x' * 4096}/index.m3u8"),
    ):
        missing = await house.get(path)
        assert missing.status_code == 404, path
        assert missing.json()["error"]["code"] == "not_found"


async def test_a_channel_shows_its_recordings_page_by_page(house: House) -> None:
    """The newest first; a card says what there is to see."""
    for number in range(PAGE + 2):
        await house.broadcast(f"vod{number}", 1)
        await house.end()
    anybody = house.site.person()
    reply = (await anybody.call("GET", "/channels/maria/vods")).json()
    assert [vod["public_id"] for vod in reply["vods"]] == [f"vod{number}" for number in range(PAGE + 1, 1, -1)]
    rest = (await anybody.call("GET", f"/channels/maria/vods?before={reply['next']}")).json()
    assert [vod["public_id"] for vod in rest["vods"]] == ["vod1", "vod0"]
    assert rest["next"] is None
    card = rest["vods"][0]
    assert card["started_ms"] > 0
    assert {name: card[name] for name in card if name not in {"started_ms", "size_bytes"}} == {
        "public_id": "vod1",
        "title": "A title",
        "category": "Games",
        "duration_seconds": 2.0,
        "thumbnail": "/media/vod1/thumbnail.jpg",
        "playlist": "/vod/vod1/index.m3u8",
        "visibility": "public",
        "state": "ready",
        "expires_ms": None,
        "stopped_for": None,
    }
    assert (await anybody.call("GET", "/channels/nobody/vods")).status_code == 404
    assert refusal(await anybody.call("GET", "/channels/maria/vods?before=x"))[:2] == (400, "bad_query")


async def test_its_owner_names_hides_and_deletes_it(house: House) -> None:
    """An unlisted one is for who has the address; a private one for its owner; a deleted one for nobody."""
    await house.broadcast("vod1")
    await house.end()
    other = house.site.person()
    await other.register("Other")
    assert refusal(await other.call("PATCH", "/vods/vod1", {"title": "Mine"}))[:2] == (403, "forbidden")
    assert refusal(await other.call("DELETE", "/vods/vod1"))[:2] == (403, "forbidden")
    assert refusal(await house.maria.call("PATCH", "/vods/vod1", {"title": "x" * 141}))[1] == "too_long"
    assert refusal(await house.maria.call("PATCH", "/vods/vod1", {"visibility": "secret"}))[1] == "bad_body"
    edited = await house.maria.call("PATCH", "/vods/vod1", {"title": " New ", "visibility": "unlisted"})
    assert (edited.json()["title"], edited.json()["is_owner"]) == ("New", True)
    shown = (await other.call("GET", "/vods/vod1")).json()
    assert (shown["title"], shown["channel"], shown["is_owner"]) == ("New", {"slug": "maria", "name": "Maria"}, False)
    assert (await other.call("GET", "/channels/maria/vods")).json()["vods"] == []
    assert len((await house.maria.call("GET", "/channels/maria/vods")).json()["vods"]) == 1
    await house.maria.call("PATCH", "/vods/vod1", {"visibility": "private"})
    assert (await other.call("GET", "/vods/vod1")).status_code == 404
    assert (await other.call("PATCH", "/vods/vod1", {"title": "Mine"})).status_code == 404
    assert (await house.get("/vod/vod1/index.m3u8")).status_code == 404
    assert (await house.get("/vod/vod1/index.m3u8", other)).status_code == 404
    mine = await house.get("/vod/vod1/index.m3u8", house.maria)
    assert mine.status_code == 200
    assert mine.headers["cache-control"] == "private, no-store"
    assert (await house.maria.call("DELETE", "/vods/vod1")).status_code == 204
    assert (await house.maria.call("GET", "/vods/vod1")).status_code == 404
    assert (await house.maria.call("DELETE", "/vods/vod1")).status_code == 404


async def test_staff_see_and_delete_but_rename_nothing(house: House) -> None:
    """As with broadcasts."""
    await house.broadcast("vod1")
    await house.end()
    await house.maria.call("PATCH", "/vods/vod1", {"visibility": "private"})
    staff = house.site.person()
    await staff.register("Warden")
    await house.db.execute("UPDATE accounts SET site_role = 'staff' WHERE name = 'Warden'")
    assert (await staff.call("GET", "/vods/vod1")).status_code == 200
    assert refusal(await staff.call("PATCH", "/vods/vod1", {"title": "x"}))[:2] == (403, "forbidden")
    assert (await staff.call("DELETE", "/vods/vod1")).status_code == 204


async def test_what_is_live_can_not_be_deleted(house: House) -> None:
    """Stop it first."""
    await house.broadcast("vod1")
    await house.record()
    assert refusal(await house.maria.call("DELETE", "/vods/vod1"))[:2] == (409, "still_live")


async def test_a_channel_may_do_without_recordings(house: House) -> None:
    """Its owner says so on the channel."""
    assert (await house.maria.call("GET", "/channels/maria")).json()["record"] is True
    edited = await house.maria.call("PATCH", "/channels/maria", {"record": False})
    assert edited.json()["record"] is False
    await house.broadcast("vod1")
    await house.record()
    await house.end()
    assert (await house.maria.call("GET", "/channels/maria/vods")).json()["vods"] == []


async def test_a_disabled_owners_recordings_are_gone(house: House) -> None:
    """With the channel."""
    await house.broadcast("vod1")
    await house.end()
    await house.db.execute("UPDATE accounts SET disabled_at = now()")
    assert (await house.get("/vod/vod1/index.m3u8")).status_code == 404
    assert (await house.site.person().call("GET", "/vods/vod1")).status_code == 404


async def test_what_was_private_stays_behind_its_secret(house: House) -> None:
    """A private broadcast's recording is its owner's, behind a secret that no live viewer had; a test leaves none."""
    public_id = f"p{'a' * 18}"
    await house.broadcast(public_id)
    await house.db.execute("UPDATE broadcasts SET capability = 'c' || repeat('x', 31)")
    await house.record()
    await house.end()
    anybody = house.site.person()
    assert (await anybody.call("GET", "/channels/maria/vods")).json()["vods"] == []
    assert (await anybody.call("GET", f"/vods/{public_id}")).status_code == 404
    (card,) = (await house.maria.call("GET", "/channels/maria/vods")).json()["vods"]
    assert card["visibility"] == "private"
    secret = card["playlist"].split("/")[2]
    assert secret != "c" + "x" * 31
    assert len(secret) >= 32
    assert card["playlist"] == f"/private/{secret}/vod/{public_id}/index.m3u8"
    assert card["thumbnail"] == f"/private/{secret}/media/{public_id}/thumbnail.jpg"
    assert (await house.get(f"/vod/{public_id}/index.m3u8")).status_code == 200, "the edge has asked for the secret"
    await house.broadcast("test1")
    await house.db.execute("UPDATE broadcasts SET is_test = true WHERE public_id = 'test1'")
    await house.end()
    assert len((await house.maria.call("GET", "/channels/maria/vods")).json()["vods"]) == 1


async def test_lists_are_made_once_and_forgotten_by_size(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing asks the database for each request; the texts' sizes are bounded."""
    await house.broadcast("vod1", 50)
    await house.end()
    await house.broadcast("vod2", 50)
    await house.end()
    tick = 0.0
    lists = VodLists(house.db, lambda: tick)
    first = await lists.text("vod1", "v1/index")
    await house.db.execute("DELETE FROM broadcast_segments")
    assert (await lists.text("vod1", "v1/index"))[0] is first[0]
    monkeypatch.setattr("server.recordings.lists.BYTES_MAX", 1)
    with pytest.raises(AppError):
        await lists.text("vod2", "v1/index")
    with pytest.raises(AppError):
        await lists.text("vod1", "v1/index")
    tick = FRESH_SECONDS
    await house.db.execute("UPDATE vods SET state = 'deleted'")
    with pytest.raises(AppError):
        await lists.text("vod1", "index")


def test_no_records_make_an_empty_choice() -> None:
    """It has no list of any rendition."""
    assert set(texts_of("vod1", Master(BOTH, 2, 0), [])) == {"index"}


# --- from a store that is elsewhere ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_port(service_folder: Path) -> Iterator[int]:
    with s3_server(service_folder) as port:
        yield port


@pytest.fixture
async def far(settings: Settings, s3_port: int, tmp_path: Path) -> AsyncIterator[tuple[Site, Origin, S3Proxy]]:
    async with S3Proxy(s3_port) as proxy:
        there = {**environment(proxy.port), "LEAMS_LIVE_FOLDER": str(tmp_path / "live")}
        base = Settings.from_env(
            {
                "LEAMS_DATABASE_URL": settings.database_url,
                "LEAMS_REDIS_URL": settings.redis_url,
                "LEAMS_HOOK_SECRET": settings.hook_secret,
                **there,
            }
        )
        both = replace(base, public_url=settings.public_url)
        async with open_site(both) as site:
            yield site, open_origin(both.media_store, both.media_access, both.live_folder), proxy


async def test_what_left_the_edges_disk_is_streamed_from_the_store(far: tuple[Site, Origin, S3Proxy]) -> None:
    """Never redirected; spans and lasting headers included; parts and odd names are not even asked for."""
    site, origin, proxy = far
    client = site.person().client
    data = bytes(range(256)) * 4096
    await origin.store.put("b1/v1/7-0.m4s", data)
    whole = await client.get("/media/b1/v1/7-0.m4s")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["cache-control"] == IMMUTABLE
    assert whole.headers["content-type"] == "video/iso.segment"
    assert whole.headers["access-control-allow-origin"] == "*"
    span = await client.get("/media/b1/v1/7-0.m4s", headers={"Range": "bytes=100-199"})
    assert (span.status_code, span.content) == (206, data[100:200])
    assert span.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert (await client.get("/media/b1/v1/7-1.m4s")).status_code == 404
    asked = proxy.requests
    for name in ("b1/v1/7-p1.m4s", "b1/v1/7-0.txt", "..%2f..%2fetc%2fpasswd", "b1/v1/x/7-0.m4s", "x" * 4096):
        assert (await client.get(f"/media/{name}")).status_code == 404, name
    assert proxy.requests == asked
    proxy.is_away = True
    away = await client.get("/media/b1/v1/7-0.m4s")
    assert away.status_code == 503
    assert away.headers["retry-after"] == "2"


async def test_a_crowd_before_the_store_is_bounded(far: tuple[Site, Origin, S3Proxy]) -> None:
    """Beyond it a request is told to come back; every stream that ended makes room."""
    _, origin, _ = far
    await origin.store.put("b1/v1/7-0.m4s", b"x")
    stored = StoredMedia(origin)
    stored._streams = STREAMS_MAX
    with pytest.raises(AppError) as error:
        await stored.answer("b1/v1/7-0.m4s", None)
    assert error.value.status == 503
    stored._streams = 0
    reply = await stored.answer("b1/v1/7-0.m4s", None)
    assert reply is not None
    assert stored._streams == 0
