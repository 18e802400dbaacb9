"""The chat on a real Redis Cluster: two web processes, rooms on every node, slots that move, nodes that die."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from chat.keys import ACCOUNTS_CHANNEL, archive_key, partition
from chat.presence import room_counts
from chat.shards import Shards, open_shards
from server.background import JobState
from server.chat_archiver import Archiver
from server.db.pool import Pool
from server.settings import Settings
from tests.services.chat import Account, ChatClient, Frame, People, WebProcess, in_room, web_process
from tests.services.redis_cluster import Cluster, Node, running_cluster
from tests.services.waiting import eventually
from workbench.machine import give_to_user


@pytest.fixture(scope="module")
async def cluster(service_folder: Path) -> AsyncIterator[Cluster]:
    """Three primaries; the first has a replica."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=service_folder))
    give_to_user(folder)
    async with running_cluster(folder, replicas=1) as cluster:
        yield cluster


@pytest.fixture
async def shards(cluster: Cluster) -> AsyncIterator[Shards]:
    await eventually(cluster.is_well, "the Cluster to be whole again")
    async with open_shards(cluster.url) as shards:
        await eventually(lambda: _emptied(cluster), "every primary to be empty")
        yield shards


async def _emptied(cluster: Cluster) -> bool:
    for node in cluster.alive:
        if b"role:master" in await node.order("INFO", "replication"):
            await node.order("FLUSHALL")
    return True


@dataclass(frozen=True, slots=True)
class Pair:
    """Two web processes on the Cluster, and the owner of a room on each of its nodes."""

    one: WebProcess
    two: WebProcess
    owners: list[Account]
    homes: list[Node]


@pytest.fixture
async def pair(
    database_url: str, redis_url: str, cluster: Cluster, shards: Shards, people: People, tmp_path: Path
) -> AsyncIterator[Pair]:
    await shards.ping()
    owners: dict[int, Account] = {}
    homes: dict[int, Node] = {}
    while len(owners) < 3:
        owner = await people.join()
        home = await cluster.home(int(owner.room))
        if home.port not in owners:
            owners[home.port], homes[home.port] = owner, home
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(web_process(database_url, redis_url, tmp_path, LEAMS_CHAT_REDIS_URL=cluster.url))
            for _ in range(2)
        )
        yield Pair(one, two, list(owners.values()), list(homes.values()))


async def say_until_taken(client: ChatClient, room: str, text: str, nonce: str, seconds: float = 20) -> Frame:
    """Repeat one send until it stands, as a page does."""
    async with asyncio.timeout(seconds):
        while True:
            answer = await client.say(room, text, nonce)
            if answer["t"] == "ack":
                return answer
            assert answer["code"] in {"unavailable", "rate_limited"}, answer
            await asyncio.sleep(answer.get("retry_after_ms", 100) / 1000 / 5)


async def test_talk_recovery_presence_and_sanctions(pair: Pair, people: People, shards: Shards) -> None:
    """Each room lives on another node, and every process follows all of them."""
    member = await people.join()
    for owner in pair.owners:
        async with in_room(pair.one.port, owner.room, owner) as speaker:
            async with in_room(pair.two.port, owner.room, member) as reader:
                first = await speaker.say(owner.room, "one")
                assert (await reader.event(text="one"))["offset"] == first["offset"]
                there = await reader.say(owner.room, "two")
                assert (await speaker.event(text="two"))["offset"] == there["offset"] == first["offset"] + 1

                async def counted(room: int = int(owner.room)) -> bool:
                    counts = (await room_counts(shards, [room]))[room]
                    return (counts.viewers, counts.chatters) == (2, 2)

                await eventually(counted, "both viewers to be counted")
                banned = await speaker.say(owner.room, f"/ban {member.name}")
                assert banned["offset"] == there["offset"] + 1
                await reader.event("user_cleared")
                assert (await reader.say(owner.room, "still here"))["code"] == "banned"
            async with in_room(pair.two.port, owner.room) as late:
                joined = await late.ask("join", room=owner.room, epoch=first["epoch"], offset=first["offset"])
                assert joined["recovered"]
                assert [logged["event"]["t"] for logged in joined["events"]] == ["user_cleared"]


async def test_a_sign_out_reaches_every_process(pair: Pair, people: People, shards: Shards) -> None:
    """PUBLISH is told by every node; the socket is closed once."""
    member = await people.join()
    async with in_room(pair.two.port, pair.owners[0].room, member) as client:
        notice = f'{{"account_id": {member.id}, "session_id": null}}'
        await shards.call(ACCOUNTS_CHANNEL, "PUBLISH", ACCOUNTS_CHANNEL, notice)
        assert await client.closed() == 4504


async def test_every_nodes_messages_reach_postgres(
    pair: Pair, shards: Shards, db: Pool, redis: Redis, settings: Settings
) -> None:
    """The archiver asks every node for its partitions."""
    for owner in pair.owners:
        async with in_room(pair.one.port, owner.room, owner) as speaker:
            for number in range(5):
                assert (await speaker.say(owner.room, f"{number}"))["t"] == "ack"
    archiver = Archiver(JobState(settings, db, redis, shards))
    while await archiver.once():
        pass
    assert await db.fetchval("SELECT count(*) FROM chat_events") == 15
    for owner in pair.owners:
        key = archive_key(partition(int(owner.room)))
        assert await shards.call(key, "XLEN", key) == 0


async def _talk(client: ChatClient, room: str, name: str, stop: asyncio.Event) -> list[tuple[str, int, str]]:
    """Say numbered things until told to stop; where each acknowledged one stands."""
    said: list[tuple[str, int, str]] = []
    while not stop.is_set():
        text = f"{name} {len(said)}"
        ack = await say_until_taken(client, room, text, f"{name}-{len(said)}")
        said.append((ack["epoch"], ack["offset"], text))
    return said


def _heard(client: ChatClient) -> list[tuple[str, int, str]]:
    return [
        (frame["epoch"], frame["offset"], frame["event"]["text"])
        for frame in client.frames
        if frame["t"] == "event" and frame["event"]["t"] == "message"
    ]


async def test_a_slot_moves_while_people_talk(pair: Pair, cluster: Cluster) -> None:
    """There and back: what was acknowledged is heard by everybody, once and in order; nobody is told to reload."""
    owner, source = pair.owners[0], pair.homes[0]
    target = next(node for node in cluster.primaries if node is not source)
    stop = asyncio.Event()
    async with (
        in_room(pair.one.port, owner.room, owner) as here,
        in_room(pair.two.port, owner.room, owner) as there,
        in_room(pair.two.port, owner.room) as reader,
    ):
        talks = [
            asyncio.create_task(_talk(here, owner.room, "a", stop)),
            asyncio.create_task(_talk(there, owner.room, "b", stop)),
        ]
        await cluster.move(int(owner.room), source, target)
        await asyncio.wait(talks, timeout=1.5)
        await cluster.move(int(owner.room), target, source)
        await asyncio.wait(talks, timeout=1.5)
        stop.set()
        said = sorted([place for talk in await asyncio.gather(*talks) for place in talk], key=lambda place: place[1])
        last = await say_until_taken(here, owner.room, "last", "last")
        await reader.event(text="last", seconds=20)
        assert _heard(reader)[:-1] == said
        assert [offset for _, offset, _ in said] == list(range(1, last["offset"]))
        assert not [frame for frame in reader.frames if frame["t"] == "reload"]


async def test_a_node_that_dies_and_comes_back(pair: Pair, cluster: Cluster) -> None:
    """Its rooms wait, the others talk on; afterwards nothing acknowledged is missing and nothing is told twice."""
    lone = next(index for index, home in enumerate(pair.homes) if home in cluster.primaries[1:])
    owner, home = pair.owners[lone], pair.homes[lone]
    other = pair.owners[lone - 1]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        speaker = await enter(in_room(pair.one.port, owner.room, owner))
        reader = await enter(in_room(pair.two.port, owner.room))
        elsewhere = await enter(in_room(pair.one.port, other.room, other))
        first = await speaker.say(owner.room, "before")
        home.kill()
        refused = await speaker.say(owner.room, "during", "d")
        assert refused["code"] == "unavailable"
        home.start()
        ack = await say_until_taken(speaker, owner.room, "after", "d")
        assert (ack["epoch"], ack["offset"]) == (first["epoch"], first["offset"] + 1)
        await reader.event(text="after", seconds=20)
        assert [text for _, _, text in _heard(reader)] == ["before", "after"]
        await say_until_taken(elsewhere, other.room, "beside", "x")


async def test_a_replica_takes_over(pair: Pair, cluster: Cluster) -> None:
    """The node of the room dies for good: its replica serves, and readers see all or are told to reload."""
    led = next(index for index, home in enumerate(pair.homes) if home is cluster.primaries[0])
    owner = pair.owners[led]
    async with (
        in_room(pair.one.port, owner.room, owner) as speaker,
        in_room(pair.two.port, owner.room) as reader,
    ):
        await speaker.say(owner.room, "before")
        await reader.event(text="before")
        cluster.primaries[0].kill()
        try:
            ack = await say_until_taken(speaker, owner.room, "after", "d", seconds=30)
            frame = await reader.until(
                lambda frame: frame["t"] == "reload" or frame.get("event", {}).get("text") == "after", 20
            )
            assert frame["epoch"] == ack["epoch"]
        finally:
            cluster.primaries[0].start()
