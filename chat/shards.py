"""The chat's Redis, one server or a Cluster, as one: a command goes to the node that has its key.

Commands are only called, never gathered by hand: what is called in one turn of the loop leaves in one write per node.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload

import structlog
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004  # Redis' own, not Python's
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004  # as above
    TryAgainError,
)

from chat.calls import Call, Script, Word, pack
from chat.ending import end
from chat.endpoints import Deployment, Endpoint, parse_deployment
from chat.keys import PARTITIONS, SLOTS, archive_key, slot_of
from chat.links import ANSWER_SECONDS, Link, open_wire

T = TypeVar("T")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

AGAIN_SECONDS = 0.05
"""Between the tries of a command that a node did not carry out, but soon may."""
MAP_SECONDS = 30.0
"""How often the slots' map is read anew where nothing else calls for it."""
HELD_MAX = 20_000
"""Commands that wait for a node to be known."""

_ASKING = pack("ASKING")
_PARTITION_SLOTS = [slot_of(archive_key(number)) for number in range(PARTITIONS)]


@dataclass(frozen=True, slots=True)
class Shard:
    """One primary: its commands' link, and the task that holds it."""

    link: Link
    task: "asyncio.Task[None]"


class Shards:
    """All primaries; `open_shards` makes one."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._loop = asyncio.get_running_loop()
        self._shards: dict[Endpoint, Shard] = {}
        self._replicas: tuple[Endpoint, ...] = ()
        self._homes: list[Link | None] = [None] * SLOTS
        self._only: Link | None = None
        self._held: list[Call] = []
        self._stale = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        if deployment.is_cluster:
            self._start(self._follow())
        else:
            self._only = self._shard(deployment.seeds[0]).link

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- commands --

    @overload
    def call(self, key: str, *words: Word) -> "asyncio.Future[Any]": ...
    @overload
    def call(self, key: str, *words: Word, decode: Callable[[Any], T]) -> "asyncio.Future[T]": ...
    def call(self, key: str, *words: Word, decode: Callable[[Any], Any] | None = None) -> "asyncio.Future[Any]":
        """Send a command to the node of `key`; the future has its reply, decoded.

        Its failure is a RedisError: Redis is away or busy, did not answer within 0.9 s, or refused.
        """
        future = self._loop.create_future()
        self._dispatch(Call(future, pack(*words), key, decode))
        return future

    def script(
        self, script: Script, keys: Sequence[str], arguments: Iterable[Word], decode: Callable[[Any], T]
    ) -> "asyncio.Future[T]":
        """Run a script whose keys share one slot; otherwise as `call`."""
        future: asyncio.Future[T] = self._loop.create_future()
        packed = pack(b"EVALSHA", script.digest, len(keys), *keys, *arguments)
        self._dispatch(Call(future, packed, keys[0], decode, script))
        return future

    @property
    def is_cluster(self) -> bool:
        """More than one primary, each with a part of the keys."""
        return self._deployment.is_cluster

    async def ping(self) -> None:
        """Hear from every primary.

        Raises:
            RedisError: one is away, or none is known.
        """
        if not self._shards:
            raise ConnectionError("no node of the Cluster is known yet")
        futures = []
        for shard in self._shards.values():
            futures.append(self._loop.create_future())
            shard.link.send(Call(futures[-1], pack("PING"), ""))
        await asyncio.gather(*futures)

    # -- who is where --

    def homes(self) -> dict[Endpoint, frozenset[int]]:
        """The primaries that have partitions of rooms, and which."""
        if self._only is not None:
            return {self._only.endpoint: frozenset(range(PARTITIONS))}
        found: dict[Endpoint, set[int]] = {}
        for number, slot in enumerate(_PARTITION_SLOTS):
            if (link := self._homes[slot]) is not None:
                found.setdefault(link.endpoint, set()).add(number)
        return {endpoint: frozenset(numbers) for endpoint, numbers in found.items()}

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call back whenever `homes` may have changed."""
        self._watchers.append(on_change)

    def refresh(self) -> None:
        """Read the slots' map anew, soon: something was not where it was thought to be."""
        self._stale.set()

    # -- finding the node --

    def _dispatch(self, call: Call) -> None:
        link = self._only or self._homes[slot_of(call.key)]
        if link is not None:
            link.send(call)
        elif len(self._held) < HELD_MAX:
            self._limit(call)
            self._held.append(call)
            self._stale.set()
        else:
            call.fail(ConnectionError("no node of the Cluster is known"))

    def _limit(self, call: Call) -> None:
        """From here on the link's own deadline is not enough: the call has one for all its tries."""
        if not call.ends_at:
            now = self._loop.time()
            call.ends_at = (call.sent_at or now) + ANSWER_SECONDS
            self._loop.call_later(call.ends_at - now, call.fail, TimeoutError("no node took the command in time"))

    def _refused(self, link: Link, call: Call, error: Exception) -> None:
        """A node answered with an error: try again where that is what the error asks for.

        All that is tried again was not carried out.
        """
        match error:  # MovedError is an AskError to redis-py, and comes first
            case NoScriptError() if call.script is not None:
                call.packed, call.script = call.script.with_text(call.packed), None
                link.send(call)
            case MovedError() if self._only is None:
                self._limit(call)
                self._moved(link, call, error)
            case AskError() if self._only is None:
                self._limit(call)
                self._asked_elsewhere(link, call, error)
            case TryAgainError() | ClusterDownError() | BusyLoadingError() | MasterDownError():
                self._limit(call)
                self.refresh()
                self._again(call)
            case ReadOnlyError():  # a replica now: a name may lead to the new primary
                call.fail(error)
                self.refresh()
                link.replace(error)
            case _:
                call.fail(error)

    def _again(self, call: Call) -> None:
        if not call.future.done():
            self._loop.call_later(AGAIN_SECONDS * random.uniform(0.5, 1.5), self._dispatch, call)  # noqa: S311  # jitter

    def _known(self, link: Link, error: AskError) -> Link | None:
        shard = self._shards.get(link.endpoint.at(error.host, error.port))
        return None if shard is None else shard.link

    def _moved(self, link: Link, call: Call, error: MovedError) -> None:
        self.refresh()
        home = self._known(link, error)
        if home is None:
            self._again(call)
        else:
            self._homes[slot_of(call.key)] = home
            self._tell()
            home.send(call)

    def _asked_elsewhere(self, link: Link, call: Call, error: AskError) -> None:
        other = self._known(link, error)
        if other is None:
            self.refresh()
            self._again(call)
            return
        asking = Call(self._loop.create_future(), _ASKING, "")
        asking.future.add_done_callback(lambda done: done.exception())  # the call behind it tells enough
        other.send(asking)
        other.send(call)

    # -- the map of a Cluster --

    def _shard(self, endpoint: Endpoint) -> Shard:
        shard = self._shards.get(endpoint)
        if shard is None:
            link = Link(endpoint, self._refused, self.refresh)
            shard = self._shards[endpoint] = Shard(link, self._start(link.run()))
        return shard

    async def _follow(self) -> None:
        """Keep the map of the Cluster until cancelled."""
        while True:
            self._stale.clear()
            try:
                self._place(await self._slots())
            except (RedisError, OSError) as error:
                _log.warning("redis_map_unread", error=type(error).__name__)
                self._stale.set()
            except Exception:  # noqa: BLE001  # the top of a task; the next answer may be one that can be read
                _log.exception("redis_map_unreadable")
                self._stale.set()
            self._release()
            await asyncio.sleep(random.uniform(0.05, 0.2))  # noqa: S311  # jitter: not all processes at once
            with suppress(OSError):  # asyncio's TimeoutError is one
                async with asyncio.timeout(MAP_SECONDS):
                    await self._stale.wait()

    async def _slots(self) -> list[Any]:
        """`CLUSTER SLOTS`, from whoever answers first of the nodes in random order.

        Raises:
            RedisError, OSError: none did.
        """
        nodes = list({*self._shards, *self._replicas, *self._deployment.seeds})
        random.shuffle(nodes)
        failure: Exception = ConnectionError("no node is known")
        for node in nodes:
            try:
                slots = await _ask(node, "CLUSTER", "SLOTS")
            except (RedisError, OSError) as error:
                failure = error
            else:
                if slots:
                    return slots
                failure = ConnectionError(f"{node.name} knows of no slots")  # it was taken out of the Cluster
        raise failure

    def _place(self, slots: list[Any]) -> None:
        """Take a new map: links to new primaries, none to those that are primaries no longer."""
        homes: list[Link | None] = [None] * SLOTS
        primaries: set[Endpoint] = set()
        replicas: set[Endpoint] = set()
        seed = self._deployment.seeds[0]
        for first, last, primary, *others in slots:
            endpoint = _endpoint(seed, primary)
            primaries.add(endpoint)
            replicas.update(_endpoint(seed, other) for other in others)
            homes[first : last + 1] = [self._shard(endpoint).link] * (last + 1 - first)
        self._homes, self._replicas = homes, tuple(replicas)
        for endpoint in self._shards.keys() - primaries:
            self._shards.pop(endpoint).task.cancel()  # what waited there fails with its link
        self._tell()

    def _release(self) -> None:
        """Send what waited for a map; what has no home in it fails."""
        held, self._held = self._held, []
        for call in held:
            if (link := self._homes[slot_of(call.key)]) is None:
                call.fail(ConnectionError("no node of the Cluster has this slot"))
            else:
                link.send(call)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    async def close(self) -> None:
        """End every link; what waits fails."""
        await end(self._tasks)
        for call in self._held:
            call.fail(ConnectionError("the links are closed"))


def _endpoint(seed: Endpoint, node: list[Any]) -> Endpoint:
    host, port = node[0], node[1]
    return seed.at((host or b"").decode(), port)


async def _ask(node: Endpoint, *words: Word) -> list[Any]:
    """One command over a connection of its own.

    Raises:
        RedisError, OSError: no answer.
    """
    wire = await open_wire(node)
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    call = Call(answer, pack(*words), "")
    wire.on_reply = lambda reply: call.fail(reply) if isinstance(reply, Exception) else call.resolve(reply)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            wire.write(call.packed)
            await asyncio.wait((answer, wire.lost), return_when=asyncio.FIRST_COMPLETED)
    finally:
        wire.close()
    if not answer.done():
        raise ConnectionError("the node closed the connection")
    return cast("list[Any]", answer.result())


@asynccontextmanager
async def open_shards(url: str) -> AsyncIterator[Shards]:
    """The Redis of this address, held while the block runs; it need not be there yet.

    Raises:
        ValueError: the address can't be read.
    """
    shards = Shards(parse_deployment(url))
    try:
        yield shards
    finally:
        await shards.close()
