"""chat.session: who comes in, what a frame is answered with, and how often anybody may ask."""

import asyncio
import time
from typing import Any, cast

import msgspec
import pytest

from chat.audience import Identity, Socket
from chat.codes import Close
from chat.framing import unframed
from chat.history import ArchiveBehindError
from chat.hub import Hub
from chat.ratelimit import FRAMES, HELLOS, JOINS, PAGES, Allowance
from chat.room import Done, RoomRules
from chat.session import HELLO_SECONDS, Doors, Session, TokenExpiredError, TokenRefusedError
from chat.wire import ROOMS_MAX, Encoding, Hello
from tests.fakes.listening import Listening
from tests.fakes.one_room import OneRoom

ROOM = "12"
ANNA = Identity(4, "anna", "s1", time.time() + 3600)

Reply = dict[str, Any]


class Visit:
    """One socket's session, in JSON, and everything it was told."""

    def __init__(self, encoding: Encoding = Encoding.JSON) -> None:
        self.hub = OneRoom(RoomRules(int(ROOM), owner_id=1, version=7))
        self.outlet = Listening(10_000)
        self.socket = Socket(self.outlet, encoding)
        self.known: dict[str, Identity | BaseException] = {"good": ANNA}
        self.asked: list[asyncio.Future[Identity]] = []
        self.archive_error: BaseException = ArchiveBehindError()
        doors = Doors(self.identify, lambda identity: f"ticket of {identity.name}", self.fail, self.fail, self.command)
        self.session = Session(cast("Hub", self.hub), doors, self.socket)

    def identify(self, hello: Hello) -> "asyncio.Future[Identity]":
        known = self.known[hello.token or hello.ticket or ""]
        if isinstance(known, TokenExpiredError | TokenRefusedError):
            raise known
        future: asyncio.Future[Identity] = asyncio.get_running_loop().create_future()
        self.asked.append(future)
        if isinstance(known, BaseException):
            future.set_exception(known)
        else:
            future.set_result(known)
        return future

    async def fail(self, *_: Any, **__: Any) -> Any:
        raise self.archive_error

    async def command(self, *_: Any, **__: Any) -> Done:
        return Done("done")

    async def ask(self, kind: str, **fields: Any) -> Reply:
        """Send a frame, wait for its turn to end, and read the last answer; without one: an empty map."""
        self.outlet.frames.clear()
        pending = self.session.take(msgspec.json.encode({"t": kind, "id": 1, **fields}).decode())
        if pending is not None:
            await asyncio.wait((pending,))
        replies: list[Reply] = [msgspec.json.decode(payload) for payload in unframed(b"".join(self.outlet.frames))]
        return next((reply for reply in replies if reply.get("id") == 1), {})

    async def enter(self) -> "Visit":
        """Hello as Anna, and into the room."""
        assert (await self.ask("hello", token="good"))["t"] == "welcome"
        assert (await self.ask("join", room=ROOM))["t"] == "joined"
        return self


async def test_a_socket_says_hello_in_time() -> None:
    """The deadline is the outlet's; a hello, even a guest's, meets it."""
    visit = Visit()
    assert visit.outlet.deadline == (HELLO_SECONDS, Close.NO_HELLO, "no hello within 5 s")
    welcome = await visit.ask("hello")
    assert welcome["t"] == "welcome"
    assert not {"account", "ticket", "expires_in_seconds"} & welcome.keys()
    assert visit.outlet.deadline is None


async def test_an_account_gets_a_ticket() -> None:
    """By token or by ticket; the welcome says for how long."""
    visit = Visit()
    visit.known["ticket of anna"] = ANNA
    for fields in ({"token": "good"}, {"ticket": "ticket of anna"}):
        welcome = await visit.ask("hello", **fields)
        assert welcome["account"] == {"id": 4, "name": "anna"}
        assert welcome["ticket"] == "ticket of anna"
        assert 0 <= ANNA.expires_at - time.time() - welcome["expires_in_seconds"] <= 60
    assert visit.socket.identity == ANNA


@pytest.mark.parametrize("error", [TokenExpiredError(), TimeoutError(), ValueError("a fault of ours")])
async def test_a_hello_that_may_be_repeated(error: BaseException) -> None:
    """An expired token, a database that is away, a fault of ours: refused by a frame, and the deadline stands."""
    visit = Visit()
    visit.known["bad"] = error
    refusal = await visit.ask("hello", token="bad")
    assert refusal["code"] == ("token_expired" if isinstance(error, TokenExpiredError) else "unavailable")
    assert visit.outlet.deadline is not None
    assert (await visit.ask("hello", token="good"))["t"] == "welcome"


@pytest.mark.parametrize("error", [TimeoutError(), ValueError("a fault of ours")])
async def test_a_look_up_that_fails_is_no_crash(error: BaseException) -> None:
    """It was answered: what the outlet waits for succeeds, or it would close the socket."""
    visit = Visit()
    visit.known["bad"] = error
    pending = visit.session.take('{"t":"hello","id":1,"token":"bad"}')
    assert pending is not None
    await pending
    assert b"unavailable" in visit.outlet.frames[0]


async def test_a_look_up_that_was_cancelled() -> None:
    """Refused for now."""
    visit = Visit()
    future: asyncio.Future[Identity] = asyncio.get_running_loop().create_future()
    future.cancel()
    visit.session._identified(Hello(1, "good"), future)
    assert b"unavailable" in visit.outlet.frames[0]


@pytest.mark.parametrize("is_known_at_once", [True, False])
async def test_a_token_that_does_not_stand_ends_it(*, is_known_at_once: bool) -> None:
    """Whether the signature or the look-up shows it."""
    visit = Visit()
    if is_known_at_once:
        visit.known["bad"] = TokenRefusedError()
        assert await visit.ask("hello", token="bad") == {}
    else:
        future: asyncio.Future[Identity] = asyncio.get_running_loop().create_future()
        future.set_exception(TokenRefusedError())
        visit.session._identified(Hello(1, "bad"), future)
    assert visit.outlet.closed is Close.BAD_TOKEN
    assert visit.socket not in visit.hub.sockets


async def test_frames_that_end_the_conversation() -> None:
    """The other encoding, no schema of ours, anything before hello."""
    cases: list[tuple[bytes | str, Close]] = [
        (b"{}", Close.BAD_FRAME),
        ("{", Close.BAD_FRAME),
        ('{"t":"ping","id":1}', Close.HELLO_FIRST),
    ]
    for data, code in cases:
        visit = Visit()
        assert visit.session.take(data) is None
        assert visit.outlet.closed is code
    visit = Visit(Encoding.MSGPACK)
    assert visit.session.take("text") is None
    assert visit.outlet.closed is Close.BAD_FRAME


async def test_a_flood_of_frames_ends_it() -> None:
    """More than the burst at once."""
    visit = await Visit().enter()
    for _ in range(FRAMES.burst):
        await visit.ask("ping")
    assert visit.outlet.closed is Close.FLOOD
    visit.session.lost()
    assert visit.hub.sockets == set()


async def test_each_costly_kind_has_its_rate() -> None:
    """Hellos, joins and leaves in turn, pages: refused with the time to wait, while pings pass."""
    visit = Visit()
    cases: list[tuple[str, Allowance, Reply]] = [
        ("hello", HELLOS, {}),
        ("join", JOINS, {"room": "99"}),
        ("older", PAGES, {"room": ROOM, "epoch": "e", "offset": 1}),
    ]
    for kind, allowance, fields in cases:
        for _ in range(allowance.burst):
            assert (await visit.ask(kind, **fields)).get("code") != "rate_limited"
            visit.session._frames_full_at = 0.0  # this is not about frames
        refusal = await visit.ask(kind, **fields)
        assert (refusal["code"], refusal["temporary"]) == ("rate_limited", True)
        assert 0 < refusal["retry_after_ms"] <= allowance.refill_ms
        assert (await visit.ask("ping"))["t"] == "pong"


async def test_rooms_are_entered_and_left() -> None:
    """What is no room, one too many, one that is not open; and requests about rooms one is not in."""
    visit = Visit()
    await visit.ask("hello")
    for room in ("99", "0", "x", "1" * 40, "\uff11\uff12"):
        assert (await visit.ask("join", room=room))["code"] == "no_room"
    assert (await visit.ask("leave", room=ROOM))["code"] == "not_joined"
    assert (await visit.ask("send", room=ROOM, nonce="n", text="hi"))["code"] == "not_joined"
    assert (await visit.ask("older", room=ROOM, epoch="", offset=1))["code"] == "not_joined"
    assert (await visit.ask("join", room=ROOM))["t"] == "joined"
    assert (await visit.ask("leave", room=ROOM))["t"] == "left"
    visit.socket.rooms = tuple(range(1000, 1000 + ROOMS_MAX))
    assert (await visit.ask("join", room=ROOM))["code"] == "too_many_rooms"


async def test_lines_and_commands_are_answered() -> None:
    """An ack each; another account starts with nothing remembered of the one before."""
    visit = await Visit().enter()
    assert (await visit.ask("send", room=ROOM, nonce="n1", text="hi"))["t"] == "ack"
    speaker = visit.session._speaker
    assert (await visit.ask("send", room=ROOM, nonce="n2", text="/help"))["text"] == "done"
    await visit.ask("hello", token="good")
    assert visit.session._speaker is speaker
    await visit.ask("hello")
    assert visit.session._speaker is None
    assert (await visit.ask("send", room=ROOM, nonce="n3", text="hi"))["code"] == "sign_in"
    visit.session.lost()
    assert visit.session._speaker is None, "they would hold each other"


@pytest.mark.parametrize("error", [ArchiveBehindError(), TimeoutError(), ValueError("a fault of ours")])
async def test_a_page_that_cannot_be_had_now(error: BaseException) -> None:
    """The archive is behind, away, or has a fault: try again."""
    visit = await Visit().enter()
    visit.archive_error = error
    refusal = await visit.ask("older", room=ROOM, epoch="e", offset=1)
    assert (refusal["code"], refusal["room"]) == ("unavailable", ROOM)


async def test_a_socket_that_reads_too_slowly() -> None:
    """An answer that finds no room ends it."""
    visit = await Visit().enter()
    visit.outlet._room = 0
    await visit.ask("ping")
    assert visit.outlet.closed is Close.SLOW
    assert visit.socket not in visit.hub.sockets
