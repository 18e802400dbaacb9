"""The names of the chat's Redis keys and channels.  Pure.

All keys of a room, and its partition's archive stream, share one hash tag, so that a script may touch them together.
"""

from binascii import crc_hqx

PARTITIONS = 128
SLOTS = 16_384
"""Of a Redis Cluster."""
ACCOUNTS_CHANNEL = "leams:accounts"
"""Where sign-outs, disabled and deleted accounts are told: `{"account_id": …, "session_id": …|null}`."""


def partition(room_id: int) -> int:
    """The partition of a room: crc16 (XMODEM, the one of Redis Cluster) of its id as text."""
    return crc_hqx(str(room_id).encode(), 0) % PARTITIONS


def partition_of(key: str) -> int:
    """The partition that a key or channel of ours names in its hash tag."""
    return int(key[key.index("{p") + 2 : key.index("}")])


def slot_of(key: str) -> int:
    """The slot of a key in a Redis Cluster: that of its hash tag, where it has one.

    Source: Redis Cluster specification, "Hash tags".
    """
    _, opened, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    return crc_hqx((tag if opened and closed and tag else key).encode(), 0) % SLOTS


def archive_key(number: int) -> str:
    """The stream of a partition that the archiver copies to Postgres."""
    return f"leams:{{p{number:02d}}}:archive"


def room_key(room_id: int, what: str) -> str:
    """`head` (hash: epoch, offset, version), `log` (stream and channel), `side` (channel), `presence`, `info`, …."""
    return f"leams:{{p{partition(room_id):02d}}}:room:{room_id}:{what}"


def probe_channel(number: int, process: str) -> str:
    """Where one process hears itself on the Redis of a partition, to find out that it hears at all."""
    return f"leams:{{p{number:02d}}}:probe:{process}"
