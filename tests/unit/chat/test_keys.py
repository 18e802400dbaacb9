"""chat.keys: names that Redis Cluster would place together."""

from hypothesis import given
from hypothesis import strategies as st

from chat.keys import PARTITIONS, archive_key, partition, probe_channel, room_key


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
    """A probe channel belongs to one process."""
    assert probe_channel("a") != probe_channel("b")
