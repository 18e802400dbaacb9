"""chat.shards: whose map of the Cluster is believed."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from chat.endpoints import Endpoint, parse_deployment
from chat.shards import Shards


async def test_a_node_without_slots_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that was taken out of the Cluster answers with an empty map: the others are asked, or none is known."""
    maps: dict[str, list[Any]] = {"gone": [], "here": [[0, 16_383, [b"here", 6379]]]}

    async def ask(node: Endpoint, *_: str) -> list[Any]:
        return maps[node.host]

    monkeypatch.setattr("chat.shards._ask", ask)
    deployment = parse_deployment("redis+cluster://gone,here")
    shards = cast("Shards", SimpleNamespace(_shards={}, _replicas=(), _deployment=deployment))
    for _ in range(20):  # they are asked in random order
        assert await Shards._slots(shards) == maps["here"]
    maps["here"] = []
    with pytest.raises(RedisConnectionError):
        await Shards._slots(shards)
