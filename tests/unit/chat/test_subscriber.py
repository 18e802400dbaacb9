"""chat.subscriber: a channel that Redis takes away is asked for until it comes back."""

from types import SimpleNamespace
from typing import cast

from chat.endpoints import Endpoint
from chat.keys import room_key
from chat.shards import Shards
from chat.subscriber import Subscriber

CHANNEL = room_key(12, "log").encode()


async def test_a_channel_whose_slot_left_is_asked_for_again() -> None:
    """The slot may be back before the map is read: then nothing else would tell that nobody listens."""
    refreshed: list[bool] = []
    shards = cast("Shards", SimpleNamespace(is_cluster=True, refresh=lambda: refreshed.append(True)))
    subscriber = Subscriber(Endpoint(), shards, {}, "here", lambda _: None)
    (first,) = subscriber.listen([CHANNEL])
    subscriber._take([b"ssubscribe", CHANNEL, 1])
    assert first.done()
    subscriber._take([b"sunsubscribe", CHANNEL, 0])
    assert refreshed == [True]
    (second,) = subscriber.listen([CHANNEL])
    assert not second.done()
    subscriber._take([b"ssubscribe", CHANNEL, 1])
    assert second.done()
