"""nginx-rtmp's traps, each shown on the real nginx with a small configuration: why our ingest is as it is."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from media.broadcast import Session
from server.broadcasts.hook_call import parse_hook_call
from tests.fakes.hook_server import Call, HookServer, Reply, hook_server
from tests.services.ingest import (
    RTMP_MODULE,
    IngestPorts,
    encoder,
    files_with,
    from_another_address,
    ingest_config,
    running_nginx,
    wait_for_end,
    wait_for_publisher,
)
from tests.services.processes import wait_until
from workbench.machine import give_to_user

SMALL = """
load_module {module};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr {level};
events {{ worker_connections 64; }}
rtmp {{
    access_log {access_log};
    server {{
        listen 127.0.0.1:{ports.rtmp};
        application live {{
            live on;
            on_publish http://127.0.0.1:{hooks}/publish;
            on_publish_done http://127.0.0.1:{hooks}/done;
            {more}
        }}
    }}
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{ports.http};
        location = /stat {{ rtmp_stat all; }}
        location /control/ {{ rtmp_control all; }}
    }}
}}
"""
KEY = "lk_secret"


@dataclass(frozen=True, slots=True)
class Trap:
    """One nginx with one trap set."""

    ports: IngestPorts
    hooks: HookServer
    folder: Path


@pytest.fixture
def folder(service_folder: Path, tmp_path: Path) -> Path:
    place = service_folder / tmp_path.name
    place.mkdir()
    give_to_user(place)
    return place


@contextmanager
def trap(
    folder: Path, hooks: HookServer, more: str = "", *, level: str = "crit", access_log: str = "off"
) -> Iterator[Trap]:
    ports = IngestPorts.free()
    config = SMALL.format(
        module=RTMP_MODULE,
        folder=folder,
        level=level,
        access_log=access_log,
        ports=ports,
        hooks=hooks.port,
        more=more.replace("{hooks}", str(hooks.port)),
    )
    with running_nginx(config, folder, ports.rtmp):
        yield Trap(ports, hooks, folder)


def renames(call: Call) -> Reply:
    return Reply(302, "public1") if call.path == "/publish" else Reply(204)


def test_update_and_done_carry_the_original_key(folder: Path, tmp_path: Path) -> None:
    """The stream is renamed, but later hooks still say the key: sessions are told apart by connection and address."""
    with hook_server(renames) as hooks:
        more = "on_update http://127.0.0.1:{hooks}/update; notify_update_timeout 1s;"
        with trap(folder, hooks, more) as here, encoder(here.ports.address(KEY), tmp_path / "1.log") as process:
            wait_for_publisher(here.ports, "public1")
            assert KEY not in here.ports.page()
            update = hooks.wait_for("/update")
            process.terminate()
            done = hooks.wait_for("/done")
        published = hooks.heard("/publish")[0]
        for later in (update, done):
            assert later.first("name") == KEY
            assert later.first("clientid") == published.first("clientid")


def test_a_refused_duplicate_ran_the_hook_and_fires_done(folder: Path, tmp_path: Path) -> None:
    """`already publishing` is checked after the hook: the second encoder's done must not end the first's broadcast."""
    with (
        hook_server(renames) as hooks,
        trap(folder, hooks) as here,
        encoder(here.ports.address(KEY), tmp_path / "1.log"),
    ):
        wait_for_publisher(here.ports, "public1")
        owner = here.ports.streams()["public1"].publisher
        with encoder(here.ports.address(KEY), tmp_path / "2.log") as second:
            hooks.wait_for("/publish", 2)
            second.terminate()
            done = hooks.wait_for("/done")
        assert here.ports.publishes("public1"), "the first goes on"
        assert owner is not None
        assert done.first("clientid") != owner.client_id
        assert done.first("name") == KEY


def test_a_failed_update_ends_the_session(folder: Path, tmp_path: Path) -> None:
    """A hook server in trouble would end every live stream: why on_update stays off."""
    with hook_server(lambda call: Reply(500) if call.path == "/update" else renames(call)) as hooks:
        more = "on_update http://127.0.0.1:{hooks}/update; notify_update_timeout 1s;"
        with trap(folder, hooks, more) as here, encoder(here.ports.address(KEY), tmp_path / "1.log") as process:
            hooks.wait_for("/update")
            wait_for_end(process)


def test_arguments_are_appended_raw(folder: Path, tmp_path: Path) -> None:
    """An encoder repeats nginx's own names behind them; the first occurrence is nginx's, and our parser takes it."""
    with hook_server(renames) as hooks, trap(folder, hooks) as here:
        address = here.ports.address(f"{KEY}?name=other&addr=6.6.6.6&clientid=7&call=publish_done&x=%41")
        with encoder(address, tmp_path / "1.log"):
            wait_for_publisher(here.ports, "public1")
        call = hooks.heard("/publish")[0]
        assert call.body.endswith("&name=other&addr=6.6.6.6&clientid=7&call=publish_done&x=%41")
        parsed = parse_hook_call(call.body.encode("latin-1"))
        assert parsed is not None
        assert (parsed.call, parsed.name) == ("publish", KEY)
        assert parsed.session == Session(call.first("clientid"), "127.0.0.1")


def test_the_reply_counts_only_when_the_socket_closes(folder: Path, tmp_path: Path) -> None:
    """A reply on a connection that stays open is not acted on."""
    with (
        hook_server(lambda _call: Reply(302, "public1", linger_seconds=3.0)) as hooks,
        trap(folder, hooks) as here,
        encoder(here.ports.address(KEY), tmp_path / "1.log"),
    ):
        hooks.wait_for("/publish")
        asked = time.monotonic()
        wait_for_publisher(here.ports, "public1")
        assert time.monotonic() - asked > 2.0


def test_an_absolute_location_becomes_the_name(folder: Path, tmp_path: Path) -> None:
    """A framework's redirect that completes the address would name the stream after it: Location is a bare name."""
    with (
        hook_server(lambda _call: Reply(302, "http://leams.test/public1")) as hooks,
        trap(folder, hooks) as here,
        encoder(here.ports.address(KEY), tmp_path / "1.log"),
    ):
        wait_for_publisher(here.ports, "http://leams.test/public1")


def test_an_empty_location_accepts_under_the_key(folder: Path, tmp_path: Path) -> None:
    """A redirect without a name publishes the secret: we never send one."""
    with (
        hook_server(lambda _call: Reply(302)) as hooks,
        trap(folder, hooks) as here,
        encoder(here.ports.address(KEY), tmp_path / "1.log"),
    ):
        wait_for_publisher(here.ports, KEY)


def test_nginx_own_hls_runs_before_the_hook(folder: Path, tmp_path: Path) -> None:
    """Its files are named by the secret key although the hook renames the stream: why we package ourselves."""
    (folder / "hls").mkdir()
    give_to_user(folder / "hls")
    more = f"hls on; hls_path {folder}/hls; hls_fragment 1s; hls_cleanup off;"
    with (
        hook_server(renames) as hooks,
        trap(folder, hooks, more) as here,
        encoder(here.ports.address(KEY), tmp_path / "1.log"),
    ):
        wait_until(lambda: bool(list((folder / "hls").glob(f"{KEY}*"))), "a file named by the key")


def test_the_logs_of_nginx_would_hold_the_key(folder: Path, tmp_path: Path) -> None:
    """At `info`, and in the access log, names are written down: why ours is at `crit` and the access log off."""
    with (
        hook_server(renames) as hooks,
        trap(folder, hooks, level="info", access_log=str(folder / "access.log")) as here,
    ):
        with encoder(here.ports.address(KEY), tmp_path / "1.log"):
            wait_for_publisher(here.ports, "public1")
        hooks.wait_for("/done")
        wait_until(lambda: len(files_with(here.folder, KEY)) == 2, "both logs to hold the key")


@pytest.mark.parametrize(("level", "is_logged"), [("info", True), (None, False)])
def test_a_key_in_the_server_address_is_not_logged(
    folder: Path, tmp_path: Path, level: str | None, *, is_logged: bool
) -> None:
    """People paste the key behind the server's address: nginx logs unknown applications at `info`; ours doesn't."""
    ports = IngestPorts.free()
    address = ports.address(f"{KEY}/x")
    with (
        running_nginx(ingest_config(ports, folder, "secret"), folder, ports.rtmp, level=level),
        encoder(address, tmp_path / "1.log", "-rtmp_app", f"live/{KEY}") as process,
    ):
        wait_for_end(process)
    assert bool(files_with(folder, KEY)) == is_logged


def test_a_hook_that_is_away_lets_nobody_in(folder: Path, tmp_path: Path) -> None:
    """No web process answers: the encoder is refused, not accepted under its key."""
    ports = IngestPorts.free()
    with (
        running_nginx(ingest_config(ports, folder, "secret"), folder, ports.rtmp),
        encoder(ports.address(KEY), tmp_path / "1.log") as process,
    ):
        wait_for_end(process)
        assert ports.streams() == {}
    assert files_with(folder, KEY) == []


def test_hooks_are_called_by_the_ingest_alone(folder: Path) -> None:
    """Another address gets neither a hook, nor the page, nor the control door; the ingest's own reaches the proxy."""
    ports = IngestPorts.free()
    with (
        running_nginx(ingest_config(ports, folder, "secret"), folder, ports.rtmp),
        from_another_address(ports.http) as port,
        httpx.Client(trust_env=False) as client,
    ):
        for path in ("/hooks/publish", "/stat", "/control/drop/publisher?app=live&name=a"):
            assert client.post(f"http://127.0.0.1:{port}{path}").status_code == 403
        assert client.post(f"{ports.http_url}/hooks/publish").status_code == 502, "no web process is there"


def test_a_connection_that_says_nothing_is_closed(folder: Path) -> None:
    """No handshake within 10 s: nobody holds a worker's connections for nothing."""
    ports = IngestPorts.free()
    with (
        running_nginx(ingest_config(ports, folder, "secret"), folder, ports.rtmp),
        socket.create_connection(("127.0.0.1", ports.rtmp), timeout=15) as silent,
    ):
        started = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - started < 12.0
