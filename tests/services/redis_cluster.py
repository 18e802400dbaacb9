"""A real Redis Cluster on loopback, formed by hand: primaries, replicas, slots that move, nodes that die."""

import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chat.keys import SLOTS, archive_key, partition, slot_of
from chat.shards import open_shards
from tests.services.processes import listens, running, wait_until
from tests.services.waiting import eventually
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command

NODE_TIMEOUT_MS = 1500
"""Silence after which the others call a node dead; a replica follows soon after."""


@dataclass(slots=True)
class Node:
    """One server of the Cluster."""

    folder: Path
    port: int
    bus_port: int
    process: "subprocess.Popen[bytes] | None" = None
    stack: ExitStack = field(default_factory=ExitStack)

    async def order(self, *words: str | int | bytes) -> Any:
        """One command to this node alone."""
        async with open_shards(f"redis://127.0.0.1:{self.port}") as node:
            return await node.call("", *words)

    async def id(self) -> str:
        """By which the nodes know each other."""
        name: bytes = await self.order("CLUSTER", "MYID")
        return name.decode()

    def start(self) -> None:
        """Run it, with what it remembers of the last time."""
        command = [
            *redis_command(self.folder, self.port),
            *("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)),
            *("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-announce-ip", "127.0.0.1"),
            *("--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0"),
        ]
        log = self.folder / "redis.log"
        self.process = self.stack.enter_context(running(command, log, lambda: listens(self.port), drop_root=True))

    def kill(self) -> None:
        """As a power cut."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not listens(self.port), "the node to be gone")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three primaries, and replicas as asked for."""

    primaries: list[Node]
    replicas: list[Node]

    @property
    def url(self) -> str:
        """As `LEAMS_CHAT_REDIS_URL` has it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries)

    @property
    def nodes(self) -> list[Node]:
        return [*self.primaries, *self.replicas]

    @property
    def alive(self) -> list[Node]:
        return [node for node in self.nodes if node.process is not None and node.process.poll() is None]

    async def home(self, room_id: int) -> Node:
        """The primary that has a room's keys, as the first living node says."""
        slot = room_slot(room_id)
        for first, last, primary, *_ in await self.alive[0].order("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(f"slot {slot} has no home")

    async def move(self, room_id: int, source: Node, target: Node) -> None:
        """Move the slot of a room with everything in it, as an operator's tool does."""
        slot = room_slot(room_id)
        source_id, target_id = await source.id(), await target.id()
        await target.order("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await source.order("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := await source.order("CLUSTER", "GETKEYSINSLOT", slot, 10):
            await source.order("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *self.primaries):
            await node.order("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    async def is_well(self) -> bool:
        """Every living node knows all others and sees all slots served."""
        for node in self.alive:
            info = (await node.order("CLUSTER", "INFO")).decode()
            if "cluster_state:ok" not in info or f"cluster_known_nodes:{len(self.nodes)}" not in info:
                return False
        return True


def room_slot(room_id: int) -> int:
    """Where all keys of a room are."""
    return slot_of(archive_key(partition(room_id)))


@asynccontextmanager
async def running_cluster(folder: Path, replicas: int = 0) -> AsyncIterator[Cluster]:
    """Three primaries with a third of the slots each; the first ones have a replica, as many as asked for."""
    with ExitStack() as stack:
        nodes = [_node(folder / f"node{number}") for number in range(3 + replicas)]
        for node in nodes:
            stack.enter_context(node.stack)
            node.start()
        cluster = Cluster(nodes[:3], nodes[3:])
        for number, node in enumerate(nodes):
            await node.order("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number, node in enumerate(cluster.primaries):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            await node.order("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in nodes[1:]:
            await nodes[0].order("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        await eventually(cluster.is_well, "the Cluster to form")
        for primary, replica in zip(cluster.primaries, cluster.replicas, strict=False):
            await replica.order("CLUSTER", "REPLICATE", await primary.id())
        await eventually(lambda: _are_in_step(cluster), "the replicas to be in step")
        yield cluster


def _node(folder: Path) -> Node:
    folder.mkdir(parents=True)
    give_to_user(folder)
    return Node(folder, free_port(), free_port())


async def _are_in_step(cluster: Cluster) -> bool:
    return all([b"master_link_status:up" in await replica.order("INFO", "replication") for replica in cluster.replicas])
