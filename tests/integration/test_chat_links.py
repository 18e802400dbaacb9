"""The chat's own connections to Redis: order, company, deadlines, and what is never repeated."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, ResponseError, TimeoutError  # noqa: A004  # Redis' own, not Python's

from chat import links
from chat.calls import OverloadedError, Script
from chat.shards import Shards, open_shards
from tests.services.processes import listens, running
from tests.services.waiting import eventually
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command

PING = b"*1\r\n$4\r\nPING\r\n"

Answer = Callable[[bytes], bytes | None]
"""From what came to what is answered; None ends the connection."""


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[Shards, list[bytes]]]:
    """Shards on a server that answers by script; greetings are answered and not told."""
    chunks: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if data.startswith(PING):
                writer.write(b"+PONG\r\n")
                data = data.removeprefix(PING)
            if data:
                chunks.append(data)
                reply = answer(data)
                if reply is None:
                    break
                writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_shards(f"redis://127.0.0.1:{port}") as shards:
        await shards.ping()
        yield shards, chunks


async def test_what_is_called_in_one_turn_leaves_in_one_write() -> None:
    """The first of an idle link waits for its turn's end alone; replies come in their order, decoded."""
    async with scripted(lambda data: b"".join(b":%d\r\n" % n for n in range(data.count(b"GET")))) as (shards, chunks):
        futures = [shards.call("k", "GET", f"k{n}", decode=lambda n: n * 10) for n in range(3)]
        assert await asyncio.gather(*futures) == [0, 10, 20]
        assert len(chunks) == 1
        assert chunks[0].startswith(b"*2\r\n$3\r\nGET\r\n$2\r\nk0\r\n")


async def test_what_comes_while_replies_are_awaited_goes_together() -> None:
    """Commands of different turns gather behind an unanswered one, and leave within the window."""
    async with scripted(lambda data: b":1\r\n:2\r\n:3\r\n" if b"k2" in data else b"") as (shards, chunks):
        futures = []
        for n in range(3):
            futures.append(shards.call("k", "GET", f"k{n}"))
            await asyncio.sleep(0)
        assert await asyncio.gather(*futures) == [1, 2, 3]
        assert len(chunks) == 2


async def test_silence_is_told_within_a_second_and_ends_the_connection() -> None:
    """Everything behind the oldest fails with it; the next command has a connection of its own."""
    async with scripted(lambda data: b"" if b"mute" in data else b":7\r\n") as (shards, _):
        loop = asyncio.get_running_loop()
        started = loop.time()
        muted, behind = shards.call("k", "GET", "mute"), shards.call("k", "GET", "k")
        for future in (muted, behind):
            with pytest.raises(TimeoutError):
                await future
        assert 0.8 < loop.time() - started < 1.5
        assert await shards.call("k", "GET", "k") == 7


async def test_what_may_have_been_done_is_not_repeated() -> None:
    """A lost connection fails what was on its way; the server saw it once."""
    async with scripted(lambda data: None if b"INCR" in data else b":1\r\n") as (shards, chunks):
        with pytest.raises(ConnectionError):
            await shards.call("k", "INCR", "k")
        assert await shards.call("k", "GET", "k") == 1, "the next one waits for the new connection"
        assert b"".join(chunks).count(b"INCR") == 1


async def test_an_unreadable_reply_ends_the_connection() -> None:
    """What is no RESP is never handed out; nor is a reply that nobody asked for."""
    answers = iter([b"nonsense\r\n", b":1\r\n:2\r\n", b":3\r\n"])
    async with scripted(lambda _: next(answers)) as (shards, _):
        with pytest.raises(ConnectionError):
            await shards.call("k", "GET", "k")
        assert await shards.call("k", "GET", "k") == 1
        with pytest.raises(ConnectionError):  # noqa: PT012  # the second reply may come before or after this call
            assert await shards.call("k", "GET", "k") == 3
            raise ConnectionError


async def test_a_full_link_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """In commands and in bytes; what is refused was not sent."""
    async with scripted(lambda data: b":1\r\n" * data.count(b"GET")) as (shards, _):
        monkeypatch.setattr(links, "CALLS_MAX", 2)
        futures = [shards.call("k", "GET", "k") for _ in range(3)]
        assert await asyncio.gather(*futures[:2]) == [1, 1]
        with pytest.raises(OverloadedError):
            await futures[2]
        monkeypatch.setattr(links, "BYTES_MAX", 1)
        first = shards.call("k", "GET", "k")
        with pytest.raises(OverloadedError):
            await shards.call("k", "GET", "k")
        assert await first == 1


async def test_a_waiter_that_left_and_a_decoder_that_fails_cost_nobody_else() -> None:
    """Replies keep their order whatever became of those who asked."""
    async with scripted(lambda data: b":5\r\n" * data.count(b"GET")) as (shards, _):
        left, odd, third = (shards.call("k", "GET", "k", decode=decode) for decode in (str, len, str))
        left.cancel()
        with pytest.raises(TypeError):
            await odd
        assert await third == "5"


async def test_a_server_that_is_away_is_told_at_once_and_found_again(service_folder: Path) -> None:
    """Nobody waits for a server that refuses connections; with password and database, it serves when it is back."""
    port = free_port()
    folder = service_folder / "link-redis"
    folder.mkdir()
    give_to_user(folder)
    command = [*redis_command(folder, port, durable=False), "--requirepass", "p@ss"]
    async with open_shards(f"redis://default:p%40ss@127.0.0.1:{port}/3") as shards:
        with pytest.raises(ConnectionError):
            await shards.call("k", "GET", "k")
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError):
            await shards.call("k", "GET", "k")
        assert asyncio.get_running_loop().time() - started < 0.1
        with running(command, folder / "redis.log", lambda: listens(port), drop_root=True):
            await eventually(lambda: _stands(shards), "the link to come back")
            await shards.call("k", "SET", "k", 1)
            async with Redis(port=port, db=3, password="p@ss") as redis:
                assert await redis.get("k") == b"1"
            async with open_shards(f"redis://:wrong@127.0.0.1:{port}") as refused:
                with pytest.raises(ConnectionError):
                    await refused.ping()


async def test_over_tls_the_server_is_known_by_its_certificate(service_folder: Path) -> None:
    """Trusted by the authority that the address names, refused by the machine's own list."""
    folder = service_folder / "tls-redis"
    folder.mkdir()
    certificate, key = folder / "cert.pem", folder / "key.pem"
    making = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    making += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=leams"]
    making += ["-addext", "subjectAltName=IP:127.0.0.1"]
    await asyncio.to_thread(subprocess.run, making, check=True, capture_output=True)
    for path in (folder, certificate, key):
        give_to_user(path)
    port = free_port()
    command = [*redis_command(folder, 0, durable=False), "--tls-port", str(port), "--tls-auth-clients", "no"]
    command += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate)]
    address = f"rediss://127.0.0.1:{port}"
    with running(command, folder / "redis.log", lambda: listens(port), drop_root=True):
        async with open_shards(f"{address}?ssl_ca_certs={certificate}") as shards:
            big = b"x" * 1_000_000
            await shards.call("k", "SET", "k", big)
            assert await shards.call("k", "GET", "k") == big
        async with open_shards(f"{address}?ssl_cert_reqs=none") as shards:
            await shards.ping()
        async with open_shards(address) as shards:
            with pytest.raises(ConnectionError):
                await shards.ping()


async def test_a_forgotten_script_is_brought_again(redis: Redis, redis_url: str) -> None:
    """By its text, in the same call; an error of a script is its caller's."""
    script, faulty = Script("return {KEYS[1], ARGV[1]}"), Script("return redis.call('LLEN', KEYS[1])")
    async with open_shards(redis_url) as shards:
        for _ in range(2):
            assert await shards.script(script, ["{a}b"], ["c\r\n"], tuple) == (b"{a}b", b"c\r\n")
            await redis.script_flush()
        await shards.call("s", "SET", "s", "x")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await shards.script(faulty, ["s"], [], int)


async def _stands(shards: Shards) -> bool:
    try:
        await shards.ping()
    except ConnectionError:
        return False
    return True
