"""Live windows in Redis: claimed, written and ended by scripts, read by whoever renders playlists.

Two keys a broadcast: the hash `window` (`generation`, `master`, `tail:<rendition>` each, `first`,
`first_discontinuity`, `ended`) and the list `spine` (one `Record` a segment).  A write with an older generation than
the hash's changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from media.jobs import spine_key, wake_channel, window_key
from media.window import DVR_SECONDS, Live, Master, Record, Tail

LIFE_MS = 24 * 3600 * 1000
"""A window that nobody writes, claims or ends for so long is forgotten."""
ENDED_LIFE_MS = 3600 * 1000
"""How long players that come late still learn that it is over, and the recorder has to copy what is left."""

Outcome = Literal["written", "stale", "ended", "hole"]
"""`hole`: records before the given ones are missing; `restore` them."""

_TAIL = "tail:"
_encoder = msgspec.json.Encoder()
_master_decoder = msgspec.json.Decoder(Master)
_tail_decoder = msgspec.json.Decoder(Tail)
_record_decoder = msgspec.json.Decoder(Record)


def _script(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text()


_texts = {name: _script(name) for name in ("claim", "window", "read", "restore", "trim", "end")}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker's right to write, and what its predecessor wrote."""

    generation: int
    live: Live


class LiveWindows:
    """The windows of all broadcasts, on one Redis client."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(_texts["claim"])
        self._window = redis.register_script(_texts["window"])
        self._read = redis.register_script(_texts["read"])
        self._restore = redis.register_script(_texts["restore"])
        self._trim = redis.register_script(_texts["trim"])
        self._end = redis.register_script(_texts["end"])

    async def claim(self, public_id: str) -> Claimed | None:
        """Become the only writer; None when the broadcast has ended.

        Raises:
            RedisError: Redis is away.
        """
        generation = int(await self._claim(keys=[window_key(public_id)], args=[LIFE_MS]))
        if not generation:
            return None
        return Claimed(generation, await self.read(public_id) or Live())

    async def publish(
        self,
        public_id: str,
        generation: int,
        tails: Mapping[str, Tail],
        records: Sequence[Record] = (),
        master: Master | None = None,
        keep_records: int = DVR_SECONDS // 2,
        *,
        next_sequence: int = 0,
    ) -> Outcome:
        """Write these renditions' tails, new records in order, and the master when it is given, all at once.

        Without new records, a `next_sequence` that the spine doesn't reach is a hole too.

        Raises:
            RedisError: Redis is away; the same write may be repeated.
        """
        fields = _fields(tails, master)
        joined = [item for record in records for item in (record.sequence, _encoder.encode(record))]
        outcome = await self._window(
            keys=[window_key(public_id), wake_channel(public_id), spine_key(public_id)],
            args=[generation, LIFE_MS, keep_records, next_sequence, len(fields) // 2, *fields, *joined],
        )
        return _outcome(outcome)

    async def restore(
        self,
        public_id: str,
        generation: int,
        records: Sequence[Record],
        discontinuity: int,
        tails: Mapping[str, Tail] | None = None,
        master: Master | None = None,
    ) -> Outcome:
        """Write the whole spine anew, and whatever else is given; `discontinuity` is the number of its first record.

        Raises:
            RedisError: Redis is away; the same write may be repeated.
        """
        texts = [_encoder.encode(record) for record in records]
        first = records[0].sequence if records else 0
        fields = _fields(tails or {}, master)
        outcome = await self._restore(
            keys=[window_key(public_id), wake_channel(public_id), spine_key(public_id)],
            args=[generation, LIFE_MS, first, discontinuity, len(fields) // 2, *fields, *texts],
        )
        return _outcome(outcome)

    async def read(self, public_id: str, known: Live | None = None) -> Live | None:
        """What stands now; None when there never was such a broadcast, or it is long over.

        With what the caller has `known`, only newer records travel.

        Raises:
            RedisError: Redis is away.
        """
        wanted = max(0, known.next_sequence - 1) if known else 0  # the last one known says whether the others stand
        reply = await self._read(keys=[window_key(public_id), spine_key(public_id)], args=[wanted])
        flat, texts, start = cast("tuple[list[bytes], list[bytes], int]", reply)
        if not flat:
            return None
        fresh = _live(dict(zip(flat[::2], flat[1::2], strict=True)))
        records = [_record_decoder.decode(text) for text in texts]
        if known and known.first_sequence <= fresh.first_sequence and records[:1] == list(known.records[-1:]) != []:
            records = [*known.records[fresh.first_sequence - known.first_sequence : -1], *records]
        elif start > fresh.first_sequence:  # what we knew is not what stands there
            return await self.read(public_id)
        return replace(fresh, records=records)

    async def since(self, public_id: str, sequence: int) -> Live | None:
        """What stands now with the records from `sequence` on alone; its `first_sequence` is the first of them.

        None when there never was such a broadcast, or it is long over, or Redis has lost it.

        Raises:
            RedisError: Redis is away.
        """
        reply = await self._read(keys=[window_key(public_id), spine_key(public_id)], args=[sequence])
        flat, texts, start = cast("tuple[list[bytes], list[bytes], int]", reply)
        if not flat:
            return None
        fresh = _live(dict(zip(flat[::2], flat[1::2], strict=True)))
        return replace(fresh, first_sequence=start, records=[_record_decoder.decode(text) for text in texts])

    async def first(self, public_id: str) -> int | None:
        """The sequence number with which the spine begins; None where there is none.

        Raises:
            RedisError: Redis is away.
        """
        value = await self._redis.hget(window_key(public_id), "first")
        return None if value is None else int(value)

    async def trim(self, public_id: str, first: int) -> None:
        """Let the spine begin with this sequence number, or later where it does; the disk has no room for more.

        Raises:
            RedisError: Redis is away.
        """
        await self._trim(keys=[window_key(public_id), spine_key(public_id)], args=[first])

    async def end(self, public_id: str) -> None:
        """Close every list for good; repeating it is harmless.

        Raises:
            RedisError: Redis is away.
        """
        keys = [window_key(public_id), wake_channel(public_id), spine_key(public_id)]
        await self._end(keys=keys, args=[ENDED_LIFE_MS])


def _fields(tails: Mapping[str, Tail], master: Master | None) -> list[str | bytes]:
    fields: list[str | bytes] = []
    if master is not None:
        fields += ["master", _encoder.encode(master)]
    for name, tail in tails.items():
        fields += [_TAIL + name, _encoder.encode(tail)]
    return fields


def _outcome(reply: object) -> Outcome:
    match reply:
        case b"written":
            return "written"
        case b"stale":
            return "stale"
        case b"ended":
            return "ended"
        case b"hole":
            return "hole"
        case _:
            raise RedisError(f"the window script answered {reply!r}")


def _live(fields: dict[bytes, bytes]) -> Live:
    prefix = _TAIL.encode()
    return Live(
        generation=int(fields.get(b"generation", b"0")),
        master=_master_decoder.decode(fields[b"master"]) if b"master" in fields else Master(),
        first_sequence=int(fields.get(b"first", b"0")),
        first_discontinuity=int(fields.get(b"first_discontinuity", b"0")),
        tails={
            name.removeprefix(prefix).decode(): _tail_decoder.decode(value)
            for name, value in fields.items()
            if name.startswith(prefix)
        },
        is_ended=b"ended" in fields,
    )
