"""chat.transport and chat.asgi_outlet on a real uvicorn: what a conversation may rely on, whoever carries it."""

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat.codes import Close
from chat.framing import prepare, prepare_deflated
from chat.outlet import OUTBOX_BYTES, Outlet
from chat.transport import NO_FD, SocketProtocol, Sockets
from chat.wire import Encoding
from tests.services.chat import chat_client, stalled_socket
from tests.services.frames import PING, PONG, TEXT, client_frame, fragments
from tests.services.sockets import Served, Talk, echo, serving
from tests.services.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

BOTH = pytest.mark.parametrize("is_plain", [False, True], ids=["ours", "plain"])


async def ended(served: Served, losses: int = 1) -> None:
    """Every conversation was told of its end, once, and the server has forgotten its connection."""

    async def is_over() -> bool:
        return not served.connections and all(talk.losses for talk in served.talks)

    await eventually(is_over, "the end of the conversations")
    assert [talk.losses for talk in served.talks] == [1] * losses


async def read_to_the_end(raw: socket.socket) -> bytes:
    """What a raw client gets until its connection ends, cleanly or not."""

    def read() -> bytes:
        raw.settimeout(10)
        received = b""
        try:
            while data := raw.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received

    return await asyncio.to_thread(read)


# -- what goes out --


@BOTH
async def test_frames_and_the_close_arrive_in_order(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """What was offered before a close is delivered, what is offered after it is not."""

    def talk(outlet: Outlet) -> None:
        outlet.write(prepare(b"one", Encoding.JSON) + prepare(b"two", Encoding.JSON))
        assert outlet.offer(prepare(b"x" * 70_000, Encoding.JSON))
        outlet.close(Close.RESTART, "bye")
        outlet.close(Close.SLOW)
        outlet.write(prepare(b"three", Encoding.JSON))
        assert outlet.offer(prepare(b"three", Encoding.JSON))

    async with serving(with_outlet=talk, is_plain=is_plain) as served, chat_client(served.port) as client:
        assert [await client.connection.recv() for _ in range(3)] == ["one", "two", "x" * 70_000]
        with pytest.raises(ConnectionClosed):
            await client.connection.recv()
        assert (client.connection.close_code, client.connection.close_reason) == (4000, "bye")
        await ended(served)


@BOTH
async def test_a_full_outlet_takes_nothing_more(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """Beyond its bound an offer is refused; a reader that doesn't come back is cut, and the conversation ends."""
    taken: list[bool] = []

    def flood(outlet: Outlet) -> None:
        frame = prepare(b"x" * 400_000, Encoding.JSON)
        while not taken or taken[-1]:
            taken.append(outlet.offer(frame))
        assert outlet.is_paused
        assert not outlet.has_room(2 * OUTBOX_BYTES)
        outlet.close(Close.SLOW)

    async with serving(with_outlet=flood, is_plain=is_plain) as served:
        with await asyncio.to_thread(stalled_socket, served.port) as raw:
            await eventually(lambda: all_lost(served), "the end")
            received = await read_to_the_end(raw)
        await ended(served)
    assert 2 <= len(taken) < 30
    assert len(received) < len(taken) * 400_000


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("ends", ["close", "abort"])
def test_a_descriptor_is_open_until_its_connection_is_lost(
    monkeypatch: pytest.MonkeyPatch, ends: str, loop_factory: "Callable[[], asyncio.AbstractEventLoop]"
) -> None:
    """Frames are written straight to it: no loop may give its number away before the protocol has forgotten it."""
    fates: list[tuple[bool, int]] = []
    opened: list[tuple[SocketProtocol, int]] = []
    lose = SocketProtocol.connection_lost

    def lost(protocol: SocketProtocol, exc: Exception | None) -> None:
        is_same = os.fstat(protocol._transport.get_extra_info("socket").fileno()).st_ino == opened[0][1]
        lose(protocol, exc)
        fates.append((is_same, protocol._fd))

    def remember(outlet: Outlet) -> None:
        assert isinstance(outlet, SocketProtocol)
        opened.append((outlet, os.fstat(outlet._fd).st_ino))

    async def meet() -> None:
        async with serving(with_outlet=remember) as served, chat_client(served.port) as client:
            connection = client.connection
            await connection.send("hello")
            await connection.recv()
            if ends == "abort":
                opened[0][0]._transport.abort()
            else:
                await connection.close()

            async def is_lost() -> bool:
                return bool(fates)

            await eventually(is_lost, "the end of the connection")

    monkeypatch.setattr(SocketProtocol, "connection_lost", lost)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(meet())
    assert fates == [(True, NO_FD)]


async def all_lost(served: Served) -> bool:
    return bool(served.talks) and all(talk.losses for talk in served.talks)


# -- what comes in --


@BOTH
async def test_one_message_after_the_other(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """While an answer is pending nothing more is taken, in whatever pieces it came; then it goes on in order."""
    answers: list[asyncio.Future[None]] = []

    def later(_talk: Talk, _data: bytes | str) -> asyncio.Future[None]:
        answers.append(asyncio.get_running_loop().create_future())
        return answers[-1]

    async with serving(later, is_plain=is_plain) as served, chat_client(served.port) as client:
        for text in ("one", "two", "three"):
            await client.connection.send(text)
        for number, text in enumerate(("one", "two", "three"), 1):
            await eventually(lambda number=number: said(served, number), text)  # type: ignore[misc]
            assert served.talks[0].heard[-1] == text
            assert len(answers) == number
            answers[-1].set_result(None)


async def said(served: Served, count: int) -> bool:
    return len(served.talks[0].heard) == count


async def test_a_peer_is_not_read_while_it_waits() -> None:
    """What it sends meanwhile stays with the kernel; its own sending stops, our memory does not grow."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wait(_talk: Talk, _data: bytes | str) -> asyncio.Future[None]:
        return answer

    async with serving(wait) as served:
        with await asyncio.to_thread(stalled_socket, served.port) as raw:
            raw.setblocking(False)  # noqa: FBT003  # the socket module's way
            sent, frame = 0, client_frame(TEXT, b"x" * 16_000)
            with pytest.raises(BlockingIOError):  # noqa: PT012  # it comes at some turn
                while sent < 100_000_000:
                    sent += raw.send(frame)
                    await asyncio.sleep(0)
        assert len(served.talks[0].heard) == 1
        answer.set_result(None)
        await ended(served)


async def test_what_came_before_the_conversation_began() -> None:
    """A message that arrives while the route still thinks is handed over, and what follows comes after it."""
    talks: list[Talk] = []
    may_converse = asyncio.Event()

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": Encoding.JSON})
        await may_converse.wait()
        outlet = scope["extensions"]["leams.outlet"]
        outlet.converse(talk := Talk(outlet, echo))
        talks.append(talk)

    async with serving(app=app) as served, chat_client(served.port) as client:
        await client.connection.send("early")
        await client.connection.send("second")
        await client.connection.ping()
        may_converse.set()
        assert [await client.connection.recv() for _ in range(2)] == ["early", "second"]
    assert talks[0].heard == ["early", "second"]


async def test_frames_right_behind_the_request() -> None:
    """A client that doesn't wait for the answer loses nothing."""
    async with serving() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + fragments(TEXT, b"ear", b"ly")
        )
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x81\x05early"
        writer.close()
        await ended(served)


# -- ends --


@BOTH
async def test_every_way_a_peer_goes(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """By a close frame, by an end, by a cut: the conversation learns it once."""
    async with serving(is_plain=is_plain) as served:
        async with chat_client(served.port) as client:
            await client.connection.close(4321, "mine")
        assert client.connection.close_code == 4321
        half_closed = await asyncio.to_thread(stalled_socket, served.port)
        half_closed.shutdown(socket.SHUT_WR)
        cut = await asyncio.to_thread(stalled_socket, served.port)
        cut.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        cut.close()
        await eventually(lambda: all_lost(served), "the end")
        half_closed.close()
        await ended(served, 3)


@BOTH
async def test_a_conversation_that_crashes(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """At once or later: 1011, and the server goes on."""

    def at_once(_talk: Talk, _data: bytes | str) -> None:
        raise ValueError

    def later(_talk: Talk, _data: bytes | str) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError())
        return future

    for crash in (at_once, later):
        async with serving(crash, is_plain=is_plain) as served:
            for _ in range(2):
                async with chat_client(served.port) as client:
                    await client.connection.send("x")
                    assert await client.closed() == 1011
            await ended(served, 2)


@BOTH
async def test_deadlines(is_plain: bool) -> None:  # noqa: FBT001  # parametrized
    """One that is over closes, the latest counts, one that was cleared does nothing."""
    outlets: list[Outlet] = []

    def expect(outlet: Outlet) -> None:
        outlets.append(outlet)
        outlet.set_deadline(0.1, Close.FLOOD, "replaced")
        outlet.set_deadline(0.3, Close.NO_HELLO, "too late")
        if len(outlets) == 2:
            outlet.clear_deadline()

    sockets = Sockets(slot_seconds=0.05)
    async with serving(with_outlet=expect, is_plain=is_plain, sockets=sockets) as served:
        async with chat_client(served.port) as late, chat_client(served.port) as good:
            assert await late.closed() == 4002
            await good.connection.send("still here")
            assert await good.connection.recv() == "still here"
        await ended(served, 2)
        outlets[0].set_deadline(0.1, Close.FLOOD, "nobody is there")
        outlets[0].clear_deadline()


async def test_a_peer_without_pongs_is_cut() -> None:
    """It is told SILENT, and the connection ends even though it never answers."""
    async with serving(sockets=Sockets(ping_seconds=0.2, slot_seconds=0.05)) as served:
        with await asyncio.to_thread(stalled_socket, served.port) as raw:
            received = await read_to_the_end(raw)
        await ended(served)
    assert received.startswith(b"\x89\x00")
    assert int(Close.SILENT).to_bytes(2) in received


async def test_a_peer_with_pongs_stays() -> None:
    """Ping after ping, also while an answer is pending for longer than a pong may take."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pings = 0

    def wait(_talk: Talk, _data: bytes | str) -> asyncio.Future[None]:
        return answer

    async with serving(wait, sockets=Sockets(ping_seconds=0.1, slot_seconds=0.02)) as served:
        reader, writer = await asyncio.to_thread(stalled_socket, served.port), None
        with reader as raw:
            raw.settimeout(10)
            raw.sendall(client_frame(TEXT, b"x"))
            for pings in range(8):
                assert await asyncio.to_thread(raw.recv, 2) == b"\x89\x00"
                if pings == 4:
                    answer.set_result(None)
                raw.sendall(client_frame(10))
        await ended(served)
    assert (pings, writer) == (7, None)


@pytest.mark.parametrize(("opcode", "answers"), [(PING, 200), (PONG, 0)])
async def test_a_peer_that_pings_or_answers_too_often(opcode: int, answers: int) -> None:
    """Pings and pongs are frames: more than any client needs ends with FLOOD, which is read although it goes on."""
    async with serving() as served:
        with await asyncio.to_thread(stalled_socket, served.port) as raw:
            raw.sendall(client_frame(opcode, b"?") * 5000)
            received = await read_to_the_end(raw)
        await ended(served)
    pongs, _, close = received.partition(b"\x88")
    assert answers <= len(pongs) // 3 <= answers * 1.5
    assert close[1:3] == int(Close.FLOOD).to_bytes(2)


async def test_the_server_shuts_down() -> None:
    """Who still converses is told to come back (1012); who is being opened gets a 503."""
    may_answer = asyncio.Event()

    async def slow(_scope: "Scope", _receive: "Receive", _send: "Send") -> None:
        await may_answer.wait()

    async with serving() as served, chat_client(served.port) as client:
        served.server.should_exit = True
        assert await client.closed() == 1012
    async with serving(app=slow) as served:
        opening = asyncio.create_task(opened(served.port))
        await eventually(lambda: connected(served), "the connection")
        served.server.should_exit = True
        assert await opening == 503
        may_answer.set()


async def connected(served: Served) -> bool:
    return served.connections == 1


# -- opening --


async def opened(port: int, **options: Any) -> int:
    """The status of a handshake."""
    try:
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def test_routes_that_are_plain_asgi_still_work() -> None:
    """Receive and send, text and bytes, closing by either side, with backpressure; the scope is uvicorn's."""
    scopes: list[Scope] = []
    ends: list[Message] = []

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        scopes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "headers": [(b"x-ours", b"yes")]})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4999, "reason": "asked"})
            else:
                await send({**message, "type": "websocket.send"})
                await send({"type": "websocket.send", "bytes": b"x" * 3_000_000})
        ends.append(message)

    async with serving(app=app, proxy_headers=True, forwarded_allow_ips="127.0.0.1", root_path="/root") as served:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        address = f"ws://127.0.0.1:{served.port}/a%20b?c=d"
        async with connect(address, proxy=None, max_size=None, additional_headers=headers) as client:
            assert client.response is not None
            assert client.response.headers["x-ours"] == "yes"
            for message in ("text", b"\xff"):
                await client.send(message)
                assert await client.recv() == message
                assert await client.recv() == b"x" * 3_000_000
            await client.send("close")
            await client.wait_closed()
            assert (client.close_code, client.close_reason) == (4999, "asked")
        async with connect(address, proxy=None) as client:
            await client.close(3000)
        await eventually(lambda: asyncio.sleep(0, len(ends) == 2), "the end")
    scope = scopes[0]
    assert scope["client"][0] == "203.0.113.9"
    assert {name: scope[name] for name in ("scheme", "root_path", "path", "raw_path", "query_string")} == {
        "scheme": "wss",
        "root_path": "/root",
        "path": "/root/a b",
        "raw_path": b"/root/a%20b",
        "query_string": b"c=d",
    }
    assert [end["code"] for end in ends] == [1006, 3000]


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.close"}], 403),
        (
            [
                {"type": "websocket.http.response.start", "status": 418, "headers": [(b"x", b"y")]},
                {"type": "websocket.http.response.body", "body": b"tea", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"pot"},
            ],
            418,
        ),
        ([], 500),
        ([{"type": "websocket.send", "text": "x"}], 500),
    ],
)
async def test_requests_that_are_denied(messages: "list[Message]", status: int) -> None:
    """By a close, by an answer, by a route that says nothing or nonsense."""

    async def app(_scope: "Scope", receive: "Receive", send: "Send") -> None:
        await receive()
        for message in messages:
            await send(message)

    async with serving(app=app) as served:
        assert await opened(served.port) == status


async def test_requests_that_open_no_websocket() -> None:
    """Each is answered what is wrong with it, and the connection closes; plain HTTP is served as ever."""

    async def app(scope: "Scope", _receive: "Receive", send: "Send") -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    async with serving(app=app) as served, httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{served.port}/"
        assert (await client.get(address)).text == "hello"
        assert (await client.get(address, headers={**upgrade, "Sec-WebSocket-Version": "8"})).status_code == 426
        version = {"Sec-WebSocket-Version": "13"}
        assert (await client.get(address, headers={**upgrade, **version, "Sec-WebSocket-Key": "x"})).status_code == 400
        assert (await client.post(address, headers={**upgrade, **version})).status_code == 405


async def test_a_route_that_crashes() -> None:
    """Before its answer 500, after it 1011."""

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        await receive()
        if scope["query_string"]:
            raise ValueError
        await send({"type": "websocket.accept", "subprotocol": Encoding.JSON})
        raise ValueError

    async with serving(app=app) as served:
        async with chat_client(served.port) as client:
            assert await client.closed() == 1011
        with pytest.raises(InvalidStatus, match="500"):
            async with connect(f"ws://127.0.0.1:{served.port}/ws?x", proxy=None):
                pass


# -- compression --


async def test_compression_where_it_is_switched_on() -> None:
    """Both ways, messages of a flush in one; a client without it gets plain frames."""

    def answer(talk: Talk, data: bytes | str) -> None:
        assert isinstance(data, str)
        if talk.outlet.is_deflated:
            talk.outlet.write(prepare_deflated([data.encode(), b"and more"], Encoding.JSON))
        echo(talk, data)

    async with serving(answer, sockets=Sockets(may_deflate=True)) as served:
        async with chat_client(served.port, compression="deflate") as client:
            for text in ("a" * 5000, "b"):
                await client.connection.send(text)
                assert [await client.connection.recv() for _ in range(2)] == [f"{text}\nand more", text]
        async with chat_client(served.port) as client:
            await client.connection.send("plain")
            assert await client.connection.recv() == "plain"
    async with serving() as served, chat_client(served.port, compression="deflate") as client:
        assert client.connection.protocol.extensions == []
