"""Live windows in Redis: claimed, written and ended by scripts, read by whoever renders playlists.

One hash a broadcast (`media.jobs.window_key`): `generation`, `master` (its renditions in order), `rendition:<name>`
(one `MediaWindow` each), `ended`.  A write with an older generation than the hash's changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from media.jobs import wake_channel, window_key
from media.window import Live, MediaWindow, Rendition, finish

LIFE_MS = 24 * 3600 * 1000
"""A window that nobody writes, claims or ends for so long is forgotten."""
ENDED_LIFE_MS = 3600 * 1000
"""How long players that come late still learn that it is over."""

Outcome = Literal["written", "stale", "ended"]

_FIELD = "rendition:"
_encoder = msgspec.json.Encoder()
_master_decoder = msgspec.json.Decoder(tuple[Rendition, ...])
_window_decoder = msgspec.json.Decoder(MediaWindow)


def _script(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text()


_claim_text, _window_text, _end_text = _script("claim"), _script("window"), _script("end")


NOTHING = Live(0, (), {})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker's right to write, and what its predecessor wrote."""

    generation: int
    live: Live


class LiveWindows:
    """The windows of all broadcasts, on one Redis client."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(_claim_text)
        self._window = redis.register_script(_window_text)
        self._end = redis.register_script(_end_text)

    async def claim(self, public_id: str) -> Claimed | None:
        """Become the only writer; None when the broadcast has ended.

        Raises:
            RedisError: Redis is away.
        """
        generation = int(await self._claim(keys=[window_key(public_id)], args=[LIFE_MS]))
        if not generation:
            return None
        return Claimed(generation, await self.read(public_id) or NOTHING)

    async def publish(
        self,
        public_id: str,
        generation: int,
        windows: Mapping[str, MediaWindow],
        renditions: Sequence[Rendition] | None = None,
    ) -> Outcome:
        """Write these renditions' windows, and the multivariant description when it is given, all at once.

        Raises:
            RedisError: Redis is away; the same write may be repeated.
        """
        fields: list[str | bytes] = []
        if renditions is not None:
            fields += ["master", _encoder.encode(tuple(renditions))]
        for name, window in windows.items():
            fields += [_FIELD + name, _encoder.encode(window)]
        outcome = await self._window(
            keys=[window_key(public_id), wake_channel(public_id)], args=[generation, LIFE_MS, *fields]
        )
        match outcome:
            case b"written":
                return "written"
            case b"stale":
                return "stale"
            case b"ended":
                return "ended"
            case _:
                raise RedisError(f"the window script answered {outcome!r}")

    async def read(self, public_id: str) -> Live | None:
        """What stands now; None when there never was such a broadcast, or it is long over.

        Raises:
            RedisError: Redis is away.
        """
        fields = cast("dict[bytes, bytes]", await self._redis.hgetall(window_key(public_id)))
        return _live(fields) if fields else None

    async def end(self, public_id: str) -> None:
        """Close every window for good; repeating it is harmless.

        Raises:
            RedisError: Redis is away.
        """
        await self._end(keys=[window_key(public_id), wake_channel(public_id)], args=[ENDED_LIFE_MS])


def _live(fields: dict[bytes, bytes]) -> Live:
    is_ended = b"ended" in fields
    prefix = _FIELD.encode()
    windows = {
        name.removeprefix(prefix).decode(): _window_decoder.decode(value)
        for name, value in fields.items()
        if name.startswith(prefix)
    }
    return Live(
        generation=int(fields.get(b"generation", b"0")),
        renditions=_master_decoder.decode(fields.get(b"master", b"[]")),
        windows={name: finish(window) for name, window in windows.items()} if is_ended else windows,
        is_ended=is_ended,
    )
