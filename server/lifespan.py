"""Open what the web process needs, in one stack, and hand it to the routes as a typed `AppState`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypedDict

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.applications import Starlette

from chat.shards import Shards, open_shards
from media.live import LiveWindows
from server.analytics.beacons import Beacons, open_beacons
from server.auth.passwords import Passwords, open_passwords
from server.auth.signing_keys import AccessTokens
from server.broadcasts.control import Control, open_control
from server.broadcasts.health_feed import HealthFeed
from server.chat_ws import Chat, open_chat
from server.db.pool import Pool, open_pool
from server.db.schema import require_current
from server.playback.broadcasts import Broadcasts, open_broadcasts
from server.ratelimit import RateLimiter
from server.recordings.lists import VodLists
from server.recordings.objects import StoredMedia, open_stored
from server.settings import Settings


class AppState(TypedDict):
    """What a route reaches through `request.state`; one value each per process."""

    settings: Settings
    db: Pool
    redis: Redis
    shards: Shards
    """The chat's Redis, which may be another."""
    control: Control
    tokens: AccessTokens
    passwords: Passwords
    limits: RateLimiter
    chat: Chat
    broadcasts: Broadcasts
    vod_lists: VodLists
    stored: StoredMedia
    beacons: Beacons
    health: HealthFeed


Lifespan = Callable[[Starlette], AbstractAsyncContextManager[AppState]]


def open_redis(redis_url: str) -> Redis:
    """A Redis client whose commands fail within a second: senders must learn of trouble at once."""
    return Redis.from_url(
        redis_url,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        protocol=3,
        retry=Retry(NoBackoff(), 1),  # at once: a pooled connection may have died with the last Redis
    )


def lifespan_for(settings: Settings) -> Lifespan:
    """The web process's lifespan; refuses to start on a database whose migrations are behind."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[AppState]:
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(open_pool(settings.database_url))
            async with db.acquire() as connection:
                await require_current(connection)
            tokens = await AccessTokens.load(db)
            redis = open_redis(settings.redis_url)
            stack.push_async_callback(redis.aclose)
            shards = await stack.enter_async_context(open_shards(settings.chat_redis_url))
            yield AppState(
                settings=settings,
                db=db,
                redis=redis,
                shards=shards,
                control=await stack.enter_async_context(open_control(settings, db, redis, shards)),
                tokens=tokens,
                passwords=stack.enter_context(open_passwords()),
                limits=RateLimiter(redis),
                chat=await stack.enter_async_context(
                    open_chat(db, shards, tokens, join_seconds=settings.chat_join_seconds)
                ),
                broadcasts=await stack.enter_async_context(open_broadcasts(LiveWindows(redis), settings.redis_url)),
                vod_lists=VodLists(db),
                stored=open_stored(settings),
                beacons=await stack.enter_async_context(open_beacons(db, redis, shards)),
                health=await stack.enter_async_context(HealthFeed(redis, db).running()),
            )

    return lifespan
