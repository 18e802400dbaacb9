"""What an entry of the archive stream becomes, and how the waiting ones are shared out."""

import pytest

from chat.archive import BATCH_ENTRIES, Row, Waiting, batches, row_of


def test_a_row_has_the_author_or_the_account_it_is_about() -> None:
    """By that the archive finds somebody's lines, and by a mark what was removed; the event is passed on as it came."""
    said = b'{"t":"message","id":"m","at_ms":5,"author":{"id":7,"name":"bob"},"text":"\xc3\xa9"}'
    banned = b'{"t":"user_cleared","at_ms":6,"account_id":8,"name":"ann","by":{"id":1,"name":"mod"}}'
    cleared = b'{"t":"room_cleared","at_ms":7,"by":{"id":1,"name":"mod"}}'
    deleted = b'{"t":"deleted","at_ms":8,"message_id":"x","by":{"id":1,"name":"mod"}}'
    entries = [
        {b"room": b"12", b"epoch": b"e", b"offset": b"%d" % offset, b"event": event}
        for offset, event in enumerate((said, banned, cleared, deleted), 1)
    ]
    assert [row_of(fields) for fields in entries] == [
        Row(12, "e", 1, 5, "message", 7, said.decode(), None),
        Row(12, "e", 2, 6, "user_cleared", 8, banned.decode(), "a8"),
        Row(12, "e", 3, 7, "room_cleared", None, cleared.decode(), "*"),
        Row(12, "e", 4, 8, "deleted", None, deleted.decode(), "mx"),
    ]


@pytest.mark.parametrize("event", [b"", b"[]", b'{"t":"x"}', b'{"at_ms":1}', b'{"t":"x","at_ms":"1"}', b"\xff"])
def test_an_event_needs_a_kind_and_a_time(event: bytes) -> None:
    """Without, it is none of ours."""
    with pytest.raises(ValueError):  # noqa: PT011  # of several kinds, all of them ValueErrors
        row_of({b"room": b"12", b"epoch": b"e", b"offset": b"1", b"event": event})


def test_batches_take_from_every_partition_once() -> None:
    """The oldest first, many small ones together; a long stream's rest waits for the next pass."""
    waits = {
        1: Waiting(10, 300),
        2: Waiting(BATCH_ENTRIES + 5, 100),
        3: Waiting(20, 200),
        4: Waiting(BATCH_ENTRIES, 400),
    }
    assert batches(waits) == [{2: BATCH_ENTRIES}, {3: 20, 1: 10, 4: BATCH_ENTRIES - 30}]
    assert batches({}) == []
