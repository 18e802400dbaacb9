"""The edge's rules, on the real nginx before a web process that says what reached it."""

import asyncio
import gzip
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from server.broadcasts.routes import PROVEN, REFUSED
from tests.services.edge import edge_nginx
from tests.services.waiting import eventually
from workbench.machine import free_port, give_to_user

PLAYLIST = "#EXTM3U\n" + "#EXTINF:2.000000,\n/media/b/v1/1.m4s\n" * 30
PRIVATE = "p0123456789abcdef01"
GOOD, BAD = "good-capability-of-a-broadcast", "bad-capability-of-a-broadcast"


class Echo:
    """A web process that answers with what it was asked, and counts playlists."""

    def __init__(self) -> None:
        self.playlists = 0
        self.asked: list[str] = []
        self.capabilities = 0
        self.good = GOOD
        self.proven = PROVEN
        self.capability_failure: int | None = None
        self.app = Starlette(
            routes=[
                Route("/live/{path:path}", self.playlist),
                Route("/vod/{path:path}", self.playlist),
                Route("/internal/capability/{public_id}", self.capability),
                Route("/media/{object:path}", self.part),
                WebSocketRoute("/ws", self.socket),
                WebSocketRoute("/ws/health/{slug}", self.socket),
                Route("/{path:path}", self.exchange, methods=["GET", "POST"]),
            ]
        )

    async def exchange(self, request: Request) -> Response:
        body = await request.body()
        return JSONResponse({"path": request.url.path, "headers": dict(request.headers), "body_bytes": len(body)}, 404)

    async def capability(self, request: Request) -> Response:
        self.capabilities += 1
        if self.capability_failure is not None:
            return JSONResponse({}, self.capability_failure)
        is_good = (request.path_params["public_id"], request.headers.get("x-leams-capability")) == (PRIVATE, self.good)
        return Response(
            status_code=204 if is_good else 403, headers={"Cache-Control": self.proven if is_good else REFUSED}
        )

    async def part(self, request: Request) -> Response:
        """A part that came while it was waited for."""
        name = request.path_params["object"]
        if "-p9" in name:
            return Response(headers={"X-Accel-Redirect": f"/stored/{name.replace('-p9.m4s', '-0.m4s')}"})
        return await self.exchange(request)

    async def playlist(self, request: Request) -> Response:
        self.playlists += 1
        self.asked.append(f"{request.url.path}?{request.url.query}")
        if "missing" in request.url.path:
            return JSONResponse({}, 404, {"Cache-Control": "no-store"})
        headers = {"Cache-Control": "max-age=1", "X-Accel-Expires": "12", "Vary": "Accept-Encoding"}
        if "packed" in request.url.path:
            body = gzip.compress(PLAYLIST.encode())
            return Response(
                body, headers={**headers, "Content-Encoding": "gzip"}, media_type="application/vnd.apple.mpegurl"
            )
        return Response(PLAYLIST, headers=headers, media_type="application/vnd.apple.mpegurl")

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[int]:
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, log_config=None, lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=1
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody when it has started
                await asyncio.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A build of the client and a store with one broadcast, where the unprivileged nginx can read them."""
    folder = Path(tempfile.mkdtemp(prefix="leams-edge-"))
    folder.chmod(0o755)
    files = {
        "dist/index.html": b"<!doctype html><title>Leams</title>",
        "dist/assets/app-1a2b3c.js": b"export const answer = 42;" * 50,
        "dist/favicon.svg": b"<svg/>",
        "media/abc/v1/7-0.m4s": b"segment",
        "media/abc/v1/7-init.mp4": b"init",
        "media/abc/v1/7-1.m4s#1": b"half a segm",
        "media/abc/thumbnail.jpg": b"picture",
        "secret.mp4": b"not for the world",
        f"media/{PRIVATE}/v1/7-0.m4s": b"private segment",
        f"media/{PRIVATE}/thumbnail.jpg": b"private picture",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
async def edge(folder: Path, echo: Echo) -> AsyncIterator[httpx.AsyncClient]:
    with ExitStack() as stack:
        async with serving(echo.app) as port:
            starting = edge_nginx(folder, [port], folder / "dist", folder / "media")
            address = await asyncio.to_thread(stack.enter_context, starting)
            async with httpx.AsyncClient(base_url=address) as client:
                yield client


@pytest.mark.parametrize("path", ["/", "/alice", "/alice/dashboard", "/index.html"])
async def test_pages_are_the_client(edge: httpx.AsyncClient, path: str) -> None:
    """Every address without a dot is the page, never kept without asking, under a strict policy."""
    reply = await edge.get(path)
    assert (reply.status_code, reply.text) == (200, "<!doctype html><title>Leams</title>")
    assert reply.headers["Cache-Control"] == "no-cache"
    policy = reply.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert f"ws://{edge.base_url.netloc.decode()}" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Server"] == "nginx"


async def test_hashed_files_are_kept_for_ever_and_compressed(edge: httpx.AsyncClient) -> None:
    """A script whose name holds its hash is immutable; another file of the build is asked for again."""
    reply = await edge.get("/assets/app-1a2b3c.js")
    assert "immutable" in reply.headers["Cache-Control"]
    assert reply.headers["Content-Encoding"] == "gzip"
    assert "javascript" in reply.headers["Content-Type"]
    assert (await edge.get("/favicon.svg")).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/app-0000.js", "/nothing.js", "/hooks/publish", "/.git/config", "/wp.php"])
async def test_a_missing_file_is_no_page(edge: httpx.AsyncClient, path: str) -> None:
    """A missing script is a 404, not the page in its place; the hooks can't be reached from outside."""
    reply = await edge.get(path)
    assert reply.status_code == 404
    assert "immutable" not in reply.headers.get("Cache-Control", "")
    assert "path" not in reply.text  # it did not reach the web process


async def test_segments_come_from_the_folder(edge: httpx.AsyncClient) -> None:
    """Segments and inits: kept for ever, right type, readable by players on other sites, in ranges too."""
    for name, mime in (("7-0.m4s", "video/iso.segment"), ("7-init.mp4", "video/mp4")):
        reply = await edge.get(f"/media/abc/v1/{name}")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, mime)
        assert "immutable" in reply.headers["Cache-Control"]
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
    reply = await edge.get("/media/abc/v1/7-0.m4s", headers={"Range": "bytes=1-3"})
    assert (reply.status_code, reply.content) == (206, b"egm")


async def test_thumbnails_are_kept_shortly(edge: httpx.AsyncClient) -> None:
    """A thumbnail is replaced every 10 s under the same name."""
    reply = await edge.get("/media/abc/thumbnail.jpg")
    assert (reply.headers["Content-Type"], reply.headers["Cache-Control"]) == ("image/jpeg", "public, max-age=5")


@pytest.mark.parametrize(
    "path",
    [
        "/media/../secret.mp4",
        "/media/%2e%2e/secret.mp4",
        "/media/%252e%252e/secret.mp4",
        "/media/abc/v1/..%2f..%2f..%2fsecret.mp4",
        "/media/abc/v1/..%5c..%5csecret.mp4",
        "/media/abc/v1/%2e%2e/%2e%2e/%2e%2e/secret.mp4",
        "/media//abc/../../secret.mp4",
        "/media/abc/v1/7-1.m4s%231",
        "/media/abc/v1/7-0.m4s%00.jpg",
        "/media/abc/v1/",
        "/media/",
        "/media/abc/v1/missing.m4s",
        "/media/" + "a" * 4096 + ".m4s",
        "/media/" + "a/" * 2048,
        "/stored/abc/v1/7-0.m4s",
        "/stored/../secret.mp4",
        f"/private/{GOOD}/media/../../secret.mp4",
        f"/private/{GOOD}/media/{PRIVATE}/%2e%2e/%2e%2e/secret.mp4",
    ],
)
async def test_no_address_leads_out_of_the_store(edge: httpx.AsyncClient, path: str) -> None:
    """Traversal however encoded, half-written objects, folders, absurd lengths: 404 or 400, nothing kept or shown."""
    reader, writer = await asyncio.open_connection(edge.base_url.host, edge.base_url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: leams.test\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] in {b"404", b"400"}
    assert b"not for the world" not in body
    assert b"half a" not in body
    assert b"immutable" not in head


async def test_playlists_are_compressed_and_cached_once_for_all_queries(edge: httpx.AsyncClient, echo: Echo) -> None:
    """Many players within one second cost the web process one render, whatever they append, compressed or not."""
    echo.playlists = 0
    replies = [
        await edge.get("/live/abc/v1/index.m3u8", params={"n": n}, headers={"Accept-Encoding": coding})
        for n in range(10)
        for coding in ("gzip", "identity")
    ]
    assert {reply.text for reply in replies} == {PLAYLIST}
    assert {reply.headers.get("Content-Encoding") for reply in replies} == {"gzip", None}
    assert echo.playlists == 1
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 20


@pytest.mark.parametrize("path", ["/live/packed/v1/index.m3u8", "/vod/packed/v1/index.m3u8"])
async def test_compressed_lists_pass_as_they_are(edge: httpx.AsyncClient, path: str) -> None:
    """What the web process compressed is kept once for all, and unpacked for who can't read it; no Vary is doubled."""
    for coding in ("gzip", "identity", "br", "gzip, deflate"):
        reply = await edge.get(path, headers={"Accept-Encoding": coding})
        assert reply.text == PLAYLIST
        assert reply.headers.get("Content-Encoding") == ("gzip" if "gzip" in coding else None)
        assert reply.headers.get_list("Vary") == ["Accept-Encoding"]
    assert reply.headers["X-Cache"] == "HIT"


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_msn=7",
        "_HLS_msn=7&_HLS_part=2",
        "_HLS_msn=7&_HLS_part=2&_HLS_skip=YES",
        "_HLS_skip=v2",
        "_HLS_msn=7&_HLS_skip=YES",
    ],
)
async def test_directives_have_replies_of_their_own(edge: httpx.AsyncClient, echo: Echo, query: str) -> None:
    """Each well-formed question is asked of the web process once, as it stands, and kept."""
    echo.asked.clear()
    replies = [await edge.get(f"/live/directed/v1/index.m3u8?{query}") for _ in range(3)]
    assert [reply.headers["X-Cache"] for reply in replies] == ["MISS", "HIT", "HIT"]
    assert echo.asked == [f"/live/directed/v1/index.m3u8?{query}"]


@pytest.mark.parametrize(
    "query",
    [
        "_HLS_msn=-7",
        "_HLS_msn=7&_HLS_msn=8",
        "_HLS_part=2&_HLS_msn=7",
        "_HLS_part=2",
        "_HLS_msn=99999999999",
        "_HLS_msn=seven",
        "_HLS_skip=maybe",
        "n=1&_HLS_msn=7",
        "_HLS_msn=7&n=1",
        "_HLS_msn=7;_HLS_part=1",
    ],
)
async def test_strange_directives_are_never_kept(edge: httpx.AsyncClient, echo: Echo, query: str) -> None:
    """Whatever isn't in the one form goes to the web process each time, and is not answered with another's reply."""
    echo.asked.clear()
    for _ in range(2):
        reply = await edge.get(f"/live/directed/v1/index.m3u8?{query}")
        assert reply.headers["X-Cache"] == "BYPASS"
    assert echo.asked == [f"/live/directed/v1/index.m3u8?{query}"] * 2


async def test_a_part_that_was_waited_for_is_sent_from_the_folder(edge: httpx.AsyncClient) -> None:
    """The web process names the file; it comes with a segment's headers. Nobody else reaches that address."""
    reply = await edge.get("/media/abc/v1/7-p9.m4s")
    assert (reply.status_code, reply.content) == (200, b"segment")
    assert reply.headers["Content-Type"] == "video/iso.segment"
    assert "immutable" in reply.headers["Cache-Control"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Accel-Redirect" not in reply.headers
    assert (await edge.get("/media/none/v1/7-p9.m4s")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/live/{PRIVATE}/index.m3u8",
        f"/live/{PRIVATE}/v1/index.m3u8?_HLS_msn=3",
        f"/vod/{PRIVATE}/v1/index.m3u8",
        f"/media/{PRIVATE}/v1/7-0.m4s",
        f"/media/{PRIVATE}/v1/7-p9.m4s",
        f"/media/{PRIVATE}/thumbnail.jpg",
        f"/media/%70{PRIVATE[1:]}/v1/7-0.m4s",
        f"//live//{PRIVATE}/index.m3u8",
        f"/private/{BAD}/live/{PRIVATE}/index.m3u8",
        f"/private/{BAD}/media/{PRIVATE}/v1/7-0.m4s",
        f"/private/{BAD}/media/{PRIVATE}/v1/7-p9.m4s",
        f"/private/{GOOD}/live/{PRIVATE[:-1]}2/index.m3u8",
        f"/private/{GOOD}/media/{PRIVATE[:-1]}2/v1/7-0.m4s",
        f"/private/{GOOD}/live/abc/index.m3u8",
        f"/private/{GOOD}/media/abc/v1/7-0.m4s",
        f"/private/x/live/{PRIVATE}/index.m3u8",
        f"/private//live/{PRIVATE}/index.m3u8",
        "/private/",
    ],
)
async def test_what_is_private_is_not_there_without_its_capability(edge: httpx.AsyncClient, path: str) -> None:
    """Without the capability, or with another broadcast's: a 404 like any other, which nobody keeps."""
    reply = await edge.get(path)
    assert reply.status_code == 404
    assert "private" not in reply.text
    assert "immutable" not in reply.headers.get("Cache-Control", "")


async def test_a_capability_opens_lists_and_media(edge: httpx.AsyncClient, echo: Echo, folder: Path) -> None:
    """Lists without the prefix, files from the folder, parts from the web process; asked once in 4 s, never logged."""
    prefix = f"/private/{GOOD}"
    echo.asked.clear()
    echo.capabilities = 0
    for path in ("live", "vod"):
        reply = await edge.get(f"{prefix}/{path}/{PRIVATE}/v1/index.m3u8?_HLS_msn=3")
        assert reply.text == PLAYLIST
    assert echo.asked == [f"/{path}/{PRIVATE}/v1/index.m3u8?_HLS_msn=3" for path in ("live", "vod")]
    reply = await edge.get(f"{prefix}/media/{PRIVATE}/v1/7-0.m4s")
    assert (reply.content, reply.headers["Content-Type"]) == (b"private segment", "video/iso.segment")
    assert (await edge.get(f"{prefix}/media/{PRIVATE}/thumbnail.jpg")).content == b"private picture"
    assert (await edge.get(f"{prefix}/media/{PRIVATE}/v1/7-p9.m4s")).content == b"private segment"
    missing = await edge.get(f"{prefix}/media/{PRIVATE}/v1/7-p8.m4s")
    assert (missing.status_code, missing.json()["path"]) == (404, f"/media/{PRIVATE}/v1/7-p8.m4s")
    assert echo.capabilities <= 2  # 3 s may have passed

    async def log_with_the_line() -> str | None:
        log = (folder / "edge/log").read_text()
        return log if "/private/*" in log else None

    assert GOOD not in await eventually(log_with_the_line, "the line of the refused exchange")


async def test_compression_is_real(edge: httpx.AsyncClient) -> None:
    """What is called gzip is gzip, and smaller."""
    async with edge.stream("GET", "/live/abc/v1/index.m3u8", headers={"Accept-Encoding": "gzip"}) as reply:
        raw = b"".join([chunk async for chunk in reply.aiter_raw()])
    assert gzip.decompress(raw).decode() == PLAYLIST
    assert len(raw) < len(PLAYLIST) / 2


async def test_a_404_of_a_playlist_is_not_cached(edge: httpx.AsyncClient, echo: Echo) -> None:
    """A broadcast that begins now must not stay unknown."""
    echo.playlists = 0
    for _ in range(3):
        assert (await edge.get("/live/missing/index.m3u8")).status_code == 404
    assert echo.playlists == 3


async def test_what_a_client_claims_of_itself_is_overwritten(edge: httpx.AsyncClient) -> None:
    """The web process sees the true address and a request id of ours; the Host as it was asked."""
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "mine-mine-mine", "X-Forwarded-Proto": "https"}
    for path in ("/api/v1/channels", "/.well-known/jwks.json", "/readyz", "/live/missing/x"):
        reply = await edge.get(path, headers=claims)
        if path.startswith("/live"):
            continue
        seen = reply.json()["headers"]
        assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")
        assert seen["x-request-id"] != "mine-mine-mine"
        assert seen["host"] == edge.base_url.netloc.decode()


async def test_large_bodies_stop_at_the_edge(edge: httpx.AsyncClient) -> None:
    """A body of 1 MB is refused before the web process reads it; a JSON body of the allowed size passes."""
    reply = await edge.post("/api/v1/auth/register", content=b"x" * 1_000_000)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")
    assert (await edge.post("/api/v1/auth/register", content=b"x" * 60_000)).json()["body_bytes"] == 60_000


@pytest.mark.parametrize("path", ["/ws", "/ws/health/maria_2"])
async def test_websockets_pass(edge: httpx.AsyncClient, path: str) -> None:
    """A WebSocket is upgraded end to end."""
    async with connect(f"ws://{edge.base_url.netloc.decode()}{path}") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


async def test_no_query_string_is_logged(edge: httpx.AsyncClient, folder: Path) -> None:
    """The log has the path and the status, and nothing that stood after a question mark."""
    await edge.get("/api/v1/logged", params={"token": "very-secret"})

    async def log_with_the_line() -> str | None:  # nginx writes it after the reply has left
        log = (folder / "edge/log").read_text()
        return log if '"path":"/api/v1/logged"' in log else None

    assert "very-secret" not in await eventually(log_with_the_line, "the line of the exchange")


async def test_without_web_processes_the_api_says_come_back(folder: Path) -> None:
    """Nobody behind the edge: a typed 503 with Retry-After, while pages and segments still come."""
    away = folder / "away"
    away.mkdir()
    away.chmod(0o755)
    with ExitStack() as stack:
        starting = edge_nginx(away, [free_port()], folder / "dist", folder / "media")
        address = await asyncio.to_thread(stack.enter_context, starting)
        async with httpx.AsyncClient(base_url=address) as client:
            reply = await client.get("/api/v1/channels")
            assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
            assert reply.json()["error"]["code"] == "unavailable"
            assert (await client.get("/alice")).status_code == 200
            assert (await client.get("/media/abc/v1/7-0.m4s")).status_code == 200


def assert_away(reply: httpx.Response) -> None:
    """What players get, on other sites too, when nobody can say: a typed refusal that nobody keeps."""
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert reply.headers["Content-Type"].startswith("application/json")
    error = reply.json()["error"]
    assert (error["code"], error["retry_after_seconds"]) == ("unavailable", 1)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "ETag" not in reply.headers


@asynccontextmanager
async def edge_of(folder: Path, name: str, port: int) -> AsyncIterator[tuple[httpx.AsyncClient, Path]]:
    """An edge of one's own before a web process on `port`; yields a client of it and its log."""
    own = folder / name
    own.mkdir()
    own.chmod(0o755)
    with ExitStack() as stack:
        starting = edge_nginx(own, [port], folder / "dist", folder / "media")
        address = await asyncio.to_thread(stack.enter_context, starting)
        async with httpx.AsyncClient(base_url=address) as client:
            yield client, own / "edge/log"


async def test_without_web_processes_players_are_told_to_come_back(folder: Path) -> None:
    """Lists, parts that are waited for, media elsewhere and whatever is private: the same typed 503 for all."""
    private = f"/private/{GOOD}"
    async with edge_of(folder, "players", free_port()) as (client, log):
        for path in (
            "/live/abc/index.m3u8",
            "/live/abc/v1/index.m3u8?_HLS_msn=7&_HLS_part=1",
            "/live/abc/v1/index.m3u8?_HLS_part=1",
            "/vod/abc/v1/index.m3u8",
            "/media/abc/v1/7-p9.m4s",
            "/media/abc/v1/",
            f"{private}/live/{PRIVATE}/index.m3u8",
            f"{private}/vod/{PRIVATE}/index.m3u8",
            f"{private}/media/{PRIVATE}/v1/7-0.m4s",
            f"{private}/media/{PRIVATE}/v1/7-p9.m4s",
        ):
            assert_away(await client.get(path))
        assert (await client.head("/live/abc/index.m3u8")).status_code == 503
        assert (await client.get("/.well-known/jwks.json")).json()["error"]["code"] == "unavailable"
        assert (await client.get(f"/live/{PRIVATE}/index.m3u8")).status_code == 404
        assert GOOD not in log.read_text()


@pytest.mark.parametrize("failure", [500, 503])
async def test_who_was_let_in_goes_on_while_nobody_can_say_who_may(folder: Path, failure: int) -> None:
    """Postgres away, then the web process too: lists and media for the capability that is known, 503 for any other."""
    echo = Echo()
    known, strange = f"/private/{GOOD}", f"/private/{BAD}"
    private_list, segment = f"/live/{PRIVATE}/v1/index.m3u8", f"/media/{PRIVATE}/v1/7-0.m4s"
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(AsyncExitStack())
        port = await web.enter_async_context(serving(echo.app))
        client, log = await stack.enter_async_context(edge_of(folder, f"known-{failure}", port))
        assert (await client.get(known + segment)).content == b"private segment"
        assert (await client.get(strange + segment)).status_code == 404
        echo.capability_failure = failure
        await asyncio.sleep(4.1)  # what the edge keeps without asking
        asked = echo.capabilities
        for _ in range(3):
            assert (await client.get(known + private_list)).text == PLAYLIST
            assert (await client.get(known + segment)).content == b"private segment"
            assert (await client.get(f"{known}/media/{PRIVATE}/v1/7-p9.m4s")).content == b"private segment"
            assert_away(await client.get(strange + private_list))
            assert_away(await client.get(strange + segment))
            assert_away(await client.get(f"{known}/live/{PRIVATE[:-1]}2/v1/index.m3u8"))
        assert echo.capabilities > asked
        await web.aclose()
        assert (await client.get(known + segment)).content == b"private segment"
        assert_away(await client.get(f"{known}/media/{PRIVATE}/v1/7-p8.m4s"))
        assert_away(await client.get(f"{known}/live/{PRIVATE}/v2/index.m3u8"))
        assert_away(await client.get(strange + segment))
        text = log.read_text()
        assert GOOD not in text
        assert BAD not in text


async def test_a_revoked_capability_is_noticed_in_five_seconds(folder: Path) -> None:
    """Also when it was used while Postgres was away: the refusal counts, and is not forgotten in the next outage."""
    echo = Echo()
    segment = f"/private/{GOOD}/media/{PRIVATE}/v1/7-0.m4s"
    async with serving(echo.app) as port, edge_of(folder, "revoked", port) as (client, _):
        assert (await client.get(segment)).status_code == 200
        echo.capability_failure = 503
        await asyncio.sleep(4.1)
        assert (await client.get(segment)).status_code == 200
        echo.good, echo.capability_failure = "another-capability-of-it", None
        async with asyncio.timeout(5):
            while (await client.get(segment)).status_code != 404:  # noqa: ASYNC110  # asking is the point
                await asyncio.sleep(0.2)
        echo.capability_failure = 503
        await asyncio.sleep(4.1)
        assert_away(await client.get(segment))


async def test_what_was_proven_long_ago_lets_nobody_in(folder: Path) -> None:
    """However often it is used meanwhile: after its time the capability has to be asked for. Here two seconds."""
    echo = Echo()
    echo.proven = "max-age=1, stale-while-revalidate=2, stale-if-error=2"
    segment = f"/private/{GOOD}/media/{PRIVATE}/v1/7-0.m4s"
    async with serving(echo.app) as port, edge_of(folder, "long-ago", port) as (client, _):
        assert (await client.get(segment)).status_code == 200
        echo.capability_failure = 503
        async with asyncio.timeout(6):
            while (reply := await client.get(segment)).status_code == 200:  # noqa: ASYNC110  # asking is the point
                await asyncio.sleep(0.1)
        assert_away(reply)
        assert_away(await client.get(segment))
        echo.capability_failure = None
        async with asyncio.timeout(5):  # who failed is not asked again for a second
            while (await client.get(segment)).status_code != 200:  # noqa: ASYNC110  # asking is the point
                await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    secure = folder / "tls"
    secure.mkdir()
    secure.chmod(0o755)
    certificate, key = secure / "cert.pem", secure / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    give_to_user(key)
    return certificate, key


async def test_tls_is_served_with_http2(folder: Path, echo: Echo, certificate: tuple[Path, Path]) -> None:
    """With a certificate the same edge speaks TLS and offers HTTP/2, and the web process learns of it."""
    async with serving(echo.app) as port:
        with ExitStack() as stack:
            starting = edge_nginx(folder / "tls", [port], folder / "dist", folder / "media", tls=certificate)
            address = await asyncio.to_thread(stack.enter_context, starting)
            async with httpx.AsyncClient(base_url=address, verify=False) as client:
                assert (await client.get("/api/v1/x")).json()["headers"]["x-forwarded-proto"] == "https"
            context = ssl.create_default_context(cafile=str(certificate[0]))
            context.check_hostname = False
            context.set_alpn_protocols(["h2"])
            _, writer = await asyncio.open_connection("127.0.0.1", int(address.rsplit(":", 1)[1]), ssl=context)
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
            writer.transport.abort()  # the settings of HTTP/2 are on their way
