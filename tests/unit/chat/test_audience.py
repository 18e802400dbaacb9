"""chat.audience: seats, standings and counts without a pass over anybody."""

from chat.audience import Audience, Identity, Standing, Variant
from chat.presence import Counts
from chat.wire import Encoding, Info, Restriction, encode
from tests.unit.chat.sockets import listening_socket


def test_seats_are_counted_whatever_their_variant() -> None:
    """Late ones too; leaving twice is leaving once."""
    audience = Audience()
    one, two, late, never = (
        listening_socket(account, encoding, is_deflated=encoding is Encoding.MSGPACK)[0]
        for account, encoding in ((1, Encoding.JSON), (2, Encoding.MSGPACK), (None, Encoding.JSON), (4, Encoding.JSON))
    )
    audience.add(one)
    audience.add(two)
    audience.add_late(late, 1)
    audience.chatters = 2
    assert audience.counts() == Counts(3, 2)
    assert [socket in audience for socket in (one, two, late, never)] == [True, True, True, False]
    assert two.variant == Variant(Encoding.MSGPACK, is_deflated=True)
    audience.add_late(one, 0)
    assert len(audience) == 3
    audience.add(one)
    assert len(audience) == 3
    for socket in (one, late, late, never):
        audience.remove(socket)
    assert len(audience) == 1


def test_a_standing_is_kept_only_where_it_is_not_anybodys() -> None:
    """Guest and unrestricted member cost nothing; with its seat a socket loses what it was told."""
    audience = Audience()
    guest, _ = listening_socket()
    member, _ = listening_socket(1)
    assert audience.told(guest) == Standing("guest")
    assert audience.told(member) == Standing("member")
    silenced = Standing("member", Restriction("banned"))
    audience.tell(member, silenced)
    assert audience.told(member) == silenced
    audience.tell(member, Standing("member"))
    assert audience.told(member) == Standing("member")
    audience.tell(member, Standing("vip"))
    audience.remove(member)
    assert audience.told(member) == Standing("member")


def test_a_socket_is_sent_whole_frames() -> None:
    """In its own encoding; a full one takes nothing and says so."""
    socket, outlet = listening_socket(encoding=Encoding.MSGPACK)
    assert socket.account_id is None
    assert socket.send(Info("5"))
    assert outlet.payloads == [encode(Info("5"), Encoding.MSGPACK)]
    outlet.is_paused = True
    assert not socket.send(Info("5"))
    socket.identity = Identity(3, "c", "s", 0)
    assert socket.account_id == 3
