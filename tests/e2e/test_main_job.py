"""From an encoder to playable segments, on the whole platform."""

from pathlib import Path

import httpx
from redis.asyncio import Redis

from clients.api import Api
from tests.e2e.live import beyond, live_channel, media_playlist, renditions
from tests.services.stack import Stack
from tests.services.waiting import eventually


async def test_a_published_stream_plays_in_several_bitrates(stack: Stack, http: httpx.AsyncClient, person: Api) -> None:
    """A new account's key, a real encoder: live within seconds, video rungs and audio apart, all of them moving."""
    assert person.account is not None
    slug = person.account["channel"]
    key = await person.create_stream_key(slug, "camera")
    with stack.publishing(key):
        multivariant = await live_channel(http, slug)
        addresses = await renditions(http, multivariant)
        assert len(addresses) >= 3, "at least two video renditions and one audio rendition"
        for address in addresses:
            first = await media_playlist(http, address)
            assert first is not None
            await beyond(http, address, first.last_sequence, 10)
        dashboard = await person.broadcast(slug)
        assert (dashboard["source"]["width"], dashboard["source"]["height"]) == (640, 360)
        card = next(card for card in await person.channels(live=True) if card["slug"] == slug)
        thumbnail = await eventually(lambda: thumbnail_bytes(http, card["thumbnail"]), "a thumbnail")
        assert thumbnail.startswith(b"\xff\xd8"), "a JPEG"
        await person.stop_broadcast(slug)

    async def offline() -> bool:
        return bool((await person.channel(slug))["live"] == "offline")

    await eventually(offline, "the channel to be offline")


async def thumbnail_bytes(http: httpx.AsyncClient, address: str) -> bytes | None:
    reply = await http.get(address)
    return reply.content if reply.status_code == 200 else None


async def test_the_stream_key_is_nowhere(stack: Stack, http: httpx.AsyncClient, person: Api) -> None:
    """After a broadcast the key stands in no log, path, file, playlist, reply or Redis key."""
    assert person.account is not None
    slug = person.account["channel"]
    key = await person.create_stream_key(slug, "secret")
    with stack.publishing(f"{key}?name=other&addr=1.2.3.4"):
        multivariant = await live_channel(http, slug)
        texts = [(await http.get(multivariant)).text, (await http.get(f"/api/v1/channels/{slug}")).text]
        texts += [(await http.get(address)).text for address in await renditions(http, multivariant)]
        await person.stop_broadcast(slug)
    assert all(key not in text for text in texts)
    holders = [path for path in stack.var.rglob("*") if key in str(path) or contains(path, key.encode())]
    assert holders == []
    redis = Redis.from_url(stack.redis_url)
    keys = [name async for name in redis.scan_iter(count=1000)]
    await redis.aclose()
    assert keys
    assert all(key.encode() not in name for name in keys)


def contains(path: Path, needle: bytes) -> bool:
    return path.is_file() and not path.is_symlink() and needle in path.read_bytes()
