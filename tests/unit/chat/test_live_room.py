"""chat.live_room and chat.history without Redis: backfill, recovery, pages, standings."""

from collections.abc import Iterable

import msgspec
import pytest

from chat.history import Moderation, visible
from chat.live_room import RECOVER_BYTES, Heard, LiveRoom
from chat.presence import Counts
from chat.publisher import LOG_EVENTS
from chat.room import Position, RoomRules, Sanction
from chat.wire import (
    Announced,
    Author,
    Deleted,
    Encoding,
    Event,
    Joined,
    Logged,
    Message,
    Modes,
    ModesChanged,
    Pinned,
    Quote,
    Restriction,
    RoomCleared,
    UserCleared,
    UserRestored,
    encode,
)
from tests.unit.chat.sockets import listening_socket

EPOCH = "019a00000000deadbeef"
MODERATOR = Author(1, "mod", "moderator")


def _said(number: int, by: int = 2) -> Message:
    return Message(f"m{number}", number, Author(by, f"u{by}"), f"text {number}")


def _room(events: Iterable[Event], first: int = 1) -> LiveRoom:
    room = LiveRoom(RoomRules(room_id=5, owner_id=1, sanctions={3: Sanction("ban")}))
    room.restart([Logged(offset, event) for offset, event in enumerate(events, first)])
    room.sequencer.start(EPOCH, first - 1 + len(room.ring))
    return room


def _ids(events: Iterable[Logged]) -> list[str]:
    return [logged.event.id for logged in events if isinstance(logged.event, Message)]


def test_backfill_is_the_last_fifty_that_may_be_seen() -> None:
    """Deleted, cleared and sanctioned ones make room for earlier ones; a lifted sanction brings nothing back."""
    events: list[Event] = [_said(n, by=2 + n % 2) for n in range(1, 121)]
    events += [
        Deleted(200, "m120", MODERATOR),
        UserCleared(201, 3, "u3", MODERATOR),
        UserRestored(202, 3, "u3", MODERATOR),
    ]
    events += [_said(121, by=3)]
    ids = _ids(_room(events).backfill())
    assert ids == [f"m{n}" for n in range(22, 120, 2)] + ["m121"]


def test_nothing_before_a_clear_is_seen() -> None:
    """Neither in the ring nor before it."""
    room = _room([_said(1), RoomCleared(2, MODERATOR), _said(3)])
    room.before = [Logged(9, _said(0), "019900000000")]
    assert _ids(room.backfill()) == ["m3"]


def test_a_short_log_is_filled_up_from_the_archive() -> None:
    """Earlier messages come before the ring's, under the ring's moderation, until the ring loses its beginning."""
    room = _room([_said(1), Deleted(2, "m-1", MODERATOR)])
    room.before = [Logged(8, _said(0), "019900000000"), Logged(9, _said(-1), "019900000000")]
    assert _ids(room.backfill()) == ["m0", "m1"]
    for number in range(LOG_EVENTS):
        room.remember(Logged(3 + number, _said(3 + number)))
    assert room.before == []


def test_recovery_is_whole_or_nothing() -> None:
    """Every missed event but removed messages; None for another epoch, the future, the forgotten and too much."""
    room = _room([_said(1), _said(2), _said(3), Deleted(4, "m2", MODERATOR)], first=11)
    assert room.position == Position(EPOCH, 14)
    missed = room.missed_since(Position(EPOCH, 11))
    assert missed is not None
    assert [logged.offset for logged in missed] == [13, 14]
    assert room.missed_since(Position(EPOCH, 14)) == []
    everything = room.missed_since(Position(EPOCH, 10))
    assert everything is not None
    assert [logged.offset for logged in everything] == [11, 13, 14]
    for place in (Position(EPOCH, 9), Position(EPOCH, 15), Position("other", 12), Position(EPOCH, -1)):
        assert room.missed_since(place) is None
    busy = _room(_said(n) for n in range(LOG_EVENTS + 2))
    assert busy.missed_since(Position(EPOCH, 1)) is None
    assert busy.missed_since(Position(EPOCH, 2)) is not None


def test_what_is_too_long_to_tell_is_begun_anew() -> None:
    """A recovery that would not fit into one frame is the backfill instead, and says so."""
    long = "x" * (RECOVER_BYTES // 1000)
    room = _room(msgspec.structs.replace(_said(n), text=long) for n in range(1001))
    assert not room.past(Position(EPOCH, 1), Encoding.JSON).is_recovered
    assert room.past(Position(EPOCH, 100), Encoding.JSON).is_recovered


def test_a_room_that_never_started_stands_nowhere() -> None:
    """Before its log was read a room has no place."""
    room = LiveRoom(RoomRules(room_id=5, owner_id=1))
    assert room.position == Position("", 0)
    assert room.first_offset == 1
    assert room.id == 5
    assert room.totals == Counts()


def test_what_was_delivered_is_not_lacking() -> None:
    """Whatever of the log comes the second time; a room that never started, or another epoch, has none of it."""
    room = _room([_said(1), _said(2)], first=11)
    assert [room.lacks(Position(EPOCH, offset)) for offset in (11, 12, 13)] == [False, False, True]
    assert room.lacks(Position("other", 1))
    assert LiveRoom(RoomRules(room_id=5, owner_id=1)).lacks(Position(EPOCH, 1))


def test_pages_from_the_ring_say_where_to_go_on() -> None:
    """What the ring has of a page, with later moderation known, and the place at which the archive takes over."""
    room = _room([_said(1), _said(2), _said(3), Deleted(4, "m2", MODERATOR), _said(5)], first=11)
    found, moderation, reached = room.older(Position(EPOCH, 14), 10)
    assert _ids(found) == ["m1", "m3"]
    assert moderation.message_ids == {"m2"}
    assert reached == Position(EPOCH, 11)
    found, _, _ = room.older(Position(EPOCH, 99), 1)
    assert _ids(found) == ["m5"]
    found, _, reached = room.older(Position("other", 3), 10)
    assert (found, reached) == ([], Position("other", 3))


def test_visible_reads_no_further_than_needed() -> None:
    """The newest first, up to the limit."""

    def newest_first() -> Iterable[Logged]:
        yield Logged(3, _said(3))
        yield Logged(2, _said(2))
        raise AssertionError("read too far")

    assert _ids(visible(newest_first(), Moderation(), 2)) == ["m2", "m3"]


def test_a_standing_is_the_rules_of_now() -> None:
    """Role and restriction of a socket; a guest has neither."""
    room = _room([])
    assert room.standing_of(listening_socket()[0], 0) == ("guest", None)
    assert room.standing_of(listening_socket(3)[0], 0) == ("member", Restriction("banned"))


def test_new_rules_name_the_accounts_that_they_change() -> None:
    """Roles and sanctions that came, went or differ; nobody else has to be asked."""
    room = _room([])
    timeout = Sanction("timeout", 5000)
    rules = RoomRules(5, 1, 1, frozenset({7, 8}), frozenset({9}), {3: Sanction("ban"), 4: timeout})
    assert room.learn_rules(rules) == {4, 7, 8, 9}
    assert room.learn_rules(rules) == set()
    rules = RoomRules(5, 1, 2, frozenset({8}), frozenset({7}), {3: Sanction("timeout", 9), 4: timeout})
    assert room.learn_rules(rules) == {3, 7, 9}


def test_a_timeout_s_end_is_told_once() -> None:
    """In their order; a ban has none."""
    room = _room([])
    sanctions = {2: Sanction("timeout", 2000), 3: Sanction("ban"), 4: Sanction("timeout", 1000)}
    room.learn_rules(RoomRules(5, 1, sanctions=sanctions))
    assert room.ended_timeouts(999) == []
    assert room.ended_timeouts(2000) == [4, 2]
    assert room.ended_timeouts(9999) == []


@pytest.mark.parametrize("encoding", Encoding)
def test_the_past_is_encoded_once_for_all_who_ask_alike(encoding: Encoding) -> None:
    """Until the next event; recovered where it can be told whole, else the backfill."""
    room = _room([_said(1), _said(2), _said(3)])
    missed = room.past(Position(EPOCH, 1), encoding)
    assert missed.is_recovered
    assert room.past(Position(EPOCH, 1), encoding).events is missed.events
    ours = Joined(1, "5", EPOCH, 3, missed.events, recovered=True)
    assert encode(ours, encoding) == encode(Joined(1, "5", EPOCH, 3, list(room.ring)[1:], recovered=True), encoding)
    backfill = room.past(None, encoding)
    assert not backfill.is_recovered
    assert room.past(Position("other", 1), encoding).events is backfill.events
    assert encode(Joined(1, "5", EPOCH, 3, backfill.events), encoding) == encode(
        Joined(1, "5", EPOCH, 3, room.backfill()), encoding
    )
    room.remember(Logged(4, _said(4)))
    assert room.past(Position(EPOCH, 1), encoding).events is not missed.events


def test_what_is_kept_of_encoded_pasts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for another one each time makes room for it."""
    monkeypatch.setattr("chat.live_room.PAST_BYTES", 500)
    room = _room(_said(n) for n in range(1, 11))
    first = room.past(Position(EPOCH, 9), Encoding.JSON)
    assert room.past(Position(EPOCH, 9), Encoding.JSON) is first
    room.past(Position(EPOCH, 4), Encoding.JSON)
    assert room.past(Position(EPOCH, 9), Encoding.JSON) is not first


def test_the_board_is_that_of_the_position() -> None:
    """Neither rules that were read too early nor those ahead of the log decide what a newcomer is told."""
    room = _room([ModesChanged(1, MODERATOR, 30)])
    assert room.board.modes == Modes(30)
    room.learn_rules(RoomRules(room_id=5, owner_id=1, version=1))
    assert room.board.modes == Modes(30), "read before the commit that the log tells of"
    room.remember(Logged(2, ModesChanged(2, MODERATOR, 0, 600)))
    assert room.board.modes == Modes(0, 600)
    room.restart([])
    assert room.board.modes == Modes(), "a log that began anew says nothing: the rules do"


def test_announcements_are_lines() -> None:
    """In the backfill, in recovery and in pages like messages; removed with their author's other lines."""
    announced = Announced("a1", 2, Author(3, "u3", "moderator"), "hear, hear")
    room = _room([_said(1), announced])
    assert [logged.event for logged in room.backfill()] == [_said(1), announced]
    assert room.missed_since(Position(EPOCH, 1)) == [Logged(2, announced)]
    assert [logged.event for logged in room.older(Position(EPOCH, 3), 10)[0]] == [_said(1), announced]
    room.remember(Logged(3, UserCleared(3, 3, "u3", MODERATOR)))
    assert [logged.event for logged in room.backfill()] == [_said(1)]


def test_a_pin_of_a_removed_line_is_told_to_nobody() -> None:
    """Its event holds the text: recovery leaves it out, the board lets it go."""
    pinned = Pinned(2, MODERATOR, Quote("m1", 1, Author(2, "u2"), "text 1"))
    room = _room([_said(1), pinned])
    assert room.board.pinned == pinned
    assert room.missed_since(Position(EPOCH, 1)) == [Logged(2, pinned)]
    assert [logged.event for logged in room.backfill()] == [_said(1)], "a pin is no line"
    removed = Deleted(3, "m1", MODERATOR)
    room.remember(Logged(3, removed))
    room.sequencer.feed(EPOCH, 3, Heard(removed, b""))
    board = room.board
    assert board.pinned is None
    assert room.missed_since(Position(EPOCH, 1)) == [Logged(3, removed)]


def test_another_past_is_known_by_what_stands_at_a_place() -> None:
    """Another kind or another time; what the ring no longer holds, or never held, says nothing."""
    room = _room([_said(1), _said(2), _said(3)], first=4)
    assert not room.contradicts(5, _said(2))
    assert room.contradicts(5, _said(9))
    assert room.contradicts(5, RoomCleared(2, MODERATOR))
    assert not room.contradicts(3, _said(9))
    assert not room.contradicts(7, _said(9))
