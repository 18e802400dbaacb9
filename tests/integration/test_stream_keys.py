"""Stream keys and the dashboard over HTTP: shown once, revocable at once, nobody else's business."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from media.jobs import Health, RenditionFigures, Source, Warned
from media.stream_key import is_well_formed
from server.broadcasts.control import BLOCK_SECONDS, refused_key
from server.broadcasts.reports import health_key
from server.db.pool import Pool
from server.settings import Settings
from tests.services.ingest import IngestPorts, encoder, insisting_encoder, running_ingest, wait_for_end
from tests.services.people import Person, Site, open_site, refusal
from tests.services.web import without_redis

KEYS = "/channels/maria/stream-keys"
BROADCAST = "/channels/maria/broadcast"


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as site:
        yield site


@pytest.fixture
async def maria(site: Site) -> Person:
    person = site.person()
    await person.register("Maria")
    return person


async def test_a_key_is_shown_once(maria: Person, db: Pool) -> None:
    """The secret is in the reply that makes it; the list knows only its label, the database only its hash."""
    made = await maria.call("POST", KEYS, {"label": "  OBS at home "})
    assert made.status_code == 201, made.text
    secret, key = made.json()["secret"], made.json()["key"]
    assert is_well_formed(secret)
    assert (key["label"], key["revoked"], key["last_used_ms"]) == ("OBS at home", False, None)
    listed = await maria.call("GET", KEYS)
    assert listed.json()["keys"] == [key]
    assert listed.json()["server"] == "rtmp://127.0.0.1:1935/live"
    assert secret not in listed.text
    async with db.acquire() as connection:
        assert secret not in repr(await connection.fetch("SELECT * FROM stream_keys"))


async def test_a_key_needs_a_label_and_there_are_ten_at_most(maria: Person) -> None:
    """Empty, too long or with control characters is refused; so is the eleventh until one is revoked."""
    for label, code in (("", "empty"), ("x" * 51, "too_long"), ("a\x00b", "bad_text")):
        assert refusal(await maria.call("POST", KEYS, {"label": label})) == (400, code, "label")
    for number in range(10):
        assert (await maria.call("POST", KEYS, {"label": f"key {number}"})).status_code == 201
    assert refusal(await maria.call("POST", KEYS, {"label": "one more"}))[:2] == (409, "too_many_keys")
    first = (await maria.call("GET", KEYS)).json()["keys"][0]["id"]
    assert (await maria.call("DELETE", f"{KEYS}/{first}")).status_code == 204
    assert (await maria.call("POST", KEYS, {"label": "one more"})).status_code == 201


async def test_a_rotated_key_is_another_secret_under_the_same_label(maria: Person) -> None:
    """The old one is revoked and can't be rotated or revoked again."""
    made = (await maria.call("POST", KEYS, {"label": "OBS"})).json()
    old = made["key"]["id"]
    turned = await maria.call("POST", f"{KEYS}/{old}/rotate")
    assert turned.status_code == 201
    assert turned.json()["secret"] != made["secret"]
    assert turned.json()["key"]["label"] == "OBS"
    listed = {key["id"]: key["revoked"] for key in (await maria.call("GET", KEYS)).json()["keys"]}
    assert listed == {old: True, turned.json()["key"]["id"]: False}
    assert refusal(await maria.call("POST", f"{KEYS}/{old}/rotate"))[:2] == (404, "not_found")
    assert refusal(await maria.call("DELETE", f"{KEYS}/{old}"))[:2] == (404, "not_found")
    assert refusal(await maria.call("DELETE", f"{KEYS}/{2**70}"))[:2] == (404, "not_found")


async def test_nobody_elses_keys_or_dashboard(site: Site, maria: Person) -> None:
    """Guests sign in first, others are forbidden, and another channel's key id is no key of mine."""
    made = (await maria.call("POST", KEYS, {"label": "OBS"})).json()
    guest, olga = site.person(), site.person()
    await olga.register("Olga")
    for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", BROADCAST), ("POST", f"{BROADCAST}/stop")):
        assert refusal(await guest.call(method, path, {"label": "x"}))[:2] == (401, "sign_in")
        assert refusal(await olga.call(method, path, {"label": "x"}))[:2] == (403, "forbidden")
    mine = f"/channels/olga/stream-keys/{made['key']['id']}"
    assert refusal(await olga.call("DELETE", mine))[:2] == (404, "not_found")
    assert refusal(await olga.call("GET", "/channels/nobody/stream-keys"))[:2] == (404, "not_found")
    assert refusal(await olga.call("GET", "/channels/nobody/broadcast"))[:2] == (404, "not_found")


async def test_an_offline_dashboard(maria: Person, redis: Redis) -> None:
    """Nothing is on; what was refused lately is told; there is nothing to stop."""
    reply = await maria.call("GET", BROADCAST)
    assert reply.json() == {
        "state": "offline",
        "public_id": None,
        "since_ms": None,
        "source": None,
        "renditions": [],
        "speed": None,
        "warnings": [],
        "refused": None,
        "viewers": 0,
        "visibility": "public",
        "is_test": False,
        "next_is_test": False,
        "ladder": None,
        "playlist": None,
        "health": [],
    }
    assert refusal(await maria.call("POST", f"{BROADCAST}/stop"))[:2] == (409, "not_live")
    await redis.set(refused_key(1), b'{"at_ms":5,"code":"blocked","message":"Words."}')
    assert (await maria.call("GET", BROADCAST)).json()["refused"] == {
        "at_ms": 5,
        "code": "blocked",
        "message": "Words.",
    }


async def test_the_dashboard_shows_what_the_transcoder_reports(maria: Person, db: Pool, redis: Redis) -> None:
    """The source as the row remembers it until health comes; then figures and warnings, and staff see it too."""
    source = Source(1280, 720, 30.0, "h264", "aac", 2500, 128, 2.0)
    async with db.acquire() as connection:
        await connection.execute(
            "INSERT INTO broadcasts (public_id, channel_id, state, title, category, source, live_at)"
            " SELECT 'abc', id, 'live', '', '', $1, now() FROM channels",
            msgspec.to_builtins(source),
        )
    shown = (await maria.call("GET", BROADCAST)).json()
    assert (shown["state"], shown["public_id"], shown["source"]["width"], shown["speed"]) == ("live", "abc", 1280, None)
    health = Health(
        public_id="abc",
        publish_count=1,
        generation=1,
        at_ms=1,
        source=msgspec.structs.replace(source, video_kbps=2600),
        renditions=(RenditionFigures("720p", 1280, 720, 30.0, 2500),),
        speed=1.01,
        warnings=(Warned("gop", "Set the keyframe interval to 2 s.", "warning"),),
    )
    await redis.set(health_key("abc"), msgspec.json.encode(health))
    shown = (await maria.call("GET", BROADCAST)).json()
    assert shown["source"]["video_kbps"] == 2600
    assert shown["renditions"] == [{"name": "720p", "width": 1280, "height": 720, "fps": 30.0, "kbps": 2500}]
    assert shown["warnings"][0]["severity"] == "warning"
    assert (await maria.call("POST", f"{BROADCAST}/stop")).status_code == 204
    async with db.acquire() as connection:
        left = await connection.fetchval("SELECT extract(epoch FROM publish_blocked_until - now()) FROM channels")
        assert 0 < float(left) <= BLOCK_SECONDS
        assert await connection.fetchval("SELECT end_reason FROM broadcasts") == "stopped"


async def test_the_dashboard_without_redis(settings: Settings, db: Pool) -> None:
    """Redis away: state and source are still told."""
    async with open_site(without_redis(settings)) as site:
        person = site.person()
        await person.register("Maria")
        reply = await person.call("GET", BROADCAST)
        assert (reply.status_code, reply.json()["state"]) == (200, "offline")


async def test_staff_may_look_and_stop(site: Site, maria: Person, db: Pool) -> None:
    """Staff see another's dashboard and stop the broadcast; the reason says it was staff."""
    staff = site.person()
    await staff.register("Olga")
    async with db.acquire() as connection:
        await connection.execute("UPDATE accounts SET site_role = 'staff' WHERE name = 'Olga'")
        await connection.execute(
            "INSERT INTO broadcasts (public_id, channel_id, state, title, category)"
            " SELECT 'abc', id, 'starting', '', '' FROM channels WHERE slug = 'maria'"
        )
    assert (await staff.call("GET", BROADCAST)).json()["state"] == "starting"
    assert (await staff.call("POST", f"{BROADCAST}/stop")).status_code == 204
    async with db.acquire() as connection:
        assert await connection.fetchval("SELECT end_reason FROM broadcasts") == "stopped_by_staff"
    assert (await maria.call("GET", BROADCAST)).json()["state"] == "offline"


async def test_revoking_a_key_ends_its_broadcast_within_a_second(
    settings: Settings, service_folder: Path, tmp_path: Path
) -> None:
    """A real encoder is dropped; another key's broadcast would go on, and the revoked key gets nobody in."""
    with running_ingest(settings, service_folder / tmp_path.name) as ports:
        here = dataclasses.replace(settings, ingest_http_url=ports.http_url)
        async with open_site(here) as site:
            maria = site.person()
            await maria.register("Maria")
            made = (await maria.call("POST", KEYS, {"label": "OBS"})).json()
            other = (await maria.call("POST", KEYS, {"label": "other"})).json()
            with insisting_encoder(ports.address(made["secret"]), tmp_path / "1.log"):
                public_id = await _live_name(maria, ports)
                await maria.call("DELETE", f"{KEYS}/{other['key']['id']}")
                assert ports.publishes(public_id), "a key that isn't used ends nothing"
                started = time.monotonic()
                assert (await maria.call("DELETE", f"{KEYS}/{made['key']['id']}")).status_code == 204
                assert not ports.publishes(public_id)
                assert time.monotonic() - started < 1.0
            assert (await maria.call("GET", BROADCAST)).json()["state"] == "offline"
            with encoder(ports.address(made["secret"]), tmp_path / "2.log") as process:
                await asyncio.to_thread(wait_for_end, process)
            assert (await maria.call("GET", BROADCAST)).json()["state"] == "offline"


async def _live_name(person: Person, ports: IngestPorts) -> str:
    deadline = time.monotonic() + 10.0
    while True:
        public_id = (await person.call("GET", BROADCAST)).json()["public_id"]
        if isinstance(public_id, str) and ports.publishes(public_id):
            return public_id
        assert time.monotonic() < deadline, "nobody publishes"
        await asyncio.sleep(0.05)
