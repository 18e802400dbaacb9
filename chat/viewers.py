"""Players that told within the last seconds that they play: who watches a channel.

One sorted set for each channel, beside its room's other counts: a player's last beat by its random session, trimmed by
every beat.  `chat.presence` counts it, so whoever asks for a room's counts gets viewers from here.
"""

from typing import Any

from chat.calls import Script
from chat.keys import room_key
from chat.shards import Shards

VIEWER_HOLDS_MS = 15_000
"""A player that said nothing for so long is gone: two beats of 5 s lost, and what the third may come late."""
KEYS_HOLD_MS = 600_000
"""So long after the last beat of all, nobody watches; then sockets stand in again."""
ADDRESS_VIEWERS_MAX = 200
"""Players that one address counts for: a school's network, not a script that wants to look popular."""

_script = Script.of("viewers")


async def note_viewer(
    shards: Shards, room_id: int, address: str, session: str, *, is_over: bool, address_max: int = ADDRESS_VIEWERS_MAX
) -> bool:
    """Count a player from now on, or no longer; False: its address counts for too many.

    `address` is any short name of one without a colon.

    Raises:
        RedisError: Redis is away.
    """
    keys = [room_key(room_id, "viewers"), room_key(room_id, "addresses")]
    arguments = (address, session, int(is_over), VIEWER_HOLDS_MS, address_max, KEYS_HOLD_MS)
    return await shards.script(_script, keys, arguments, _is_noted)


def _is_noted(reply: Any) -> bool:
    return bool(reply)
