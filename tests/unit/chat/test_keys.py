"""chat.keys: names that Redis Cluster would place together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.keys import PARTITIONS, archive_key, partition, probe_channel, room_key, slot_of


def test_the_known_checksum() -> None:
    """CRC16 of Redis Cluster: its specification's own example, 0x31C3 for 123456789."""
    assert partition(123456789) == 0x31C3 % PARTITIONS


@given(st.integers(1, 2**53))
def test_a_room_shares_its_tag_with_its_archive(room_id: int) -> None:
    """All keys of a script lie in one slot."""
    number = partition(room_id)
    assert 0 <= number < PARTITIONS
    tag = archive_key(number).split(":")[1]
    assert room_key(room_id, "log") == f"leams:{tag}:room:{room_id}:log"


def test_processes_hear_themselves_apart() -> None:
    """A probe channel belongs to one process, and lies where the partition does."""
    assert probe_channel(7, "a") != probe_channel(7, "b")
    assert slot_of(probe_channel(7, "a")) == slot_of(archive_key(7))


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 0x31C3),  # the specification's own check
        ("{user1000}.following", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
        ("foo{bar", 15278),
    ],
)
def test_a_key_is_in_the_slot_that_redis_says(key: str, slot: int) -> None:
    """Slots as `CLUSTER KEYSLOT` answers."""
    assert slot_of(key) == slot
