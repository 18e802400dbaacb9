"""A real nginx-rtmp with a real web process behind its hooks, encoders that publish to it, and channels with keys."""

import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
from redis.asyncio import Redis

from media.broadcast import Session
from media.jobs import FIELD, JOBS_STREAM, LiveJob, decode_job
from media.stream_key import RANDOM_BYTES, key_hash, mint
from server.broadcasts.statistics import Stream, parse_statistics
from server.db.pool import Pool
from server.settings import Settings
from tests.services.processes import listens, running, wait_until
from workbench.machine import free_port, give_to_user, program
from workbench.nginx import render

ROOT = Path(__file__).resolve().parents[2]
RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"


@dataclass(frozen=True, slots=True)
class IngestPorts:
    """Where one ingest of a test is, and where its hooks go."""

    rtmp: int
    http: int
    web: int
    metrics: int

    @classmethod
    def free(cls) -> "IngestPorts":
        """Ports that were free a moment ago."""
        return cls(free_port(), free_port(), free_port(), free_port())

    @property
    def http_url(self) -> str:
        """The private port."""
        return f"http://127.0.0.1:{self.http}"

    def address(self, name: str) -> str:
        """Where an encoder publishes with this key, or a player plays this public id."""
        return f"rtmp://127.0.0.1:{self.rtmp}/live/{name}"

    def page(self) -> str:
        """The statistics page as it came."""
        return httpx.get(f"{self.http_url}/stat", trust_env=False).text

    def streams(self) -> dict[str, Stream]:
        """What the statistics page says now."""
        return parse_statistics(self.page().encode())

    def publishers(self) -> set[tuple[str, Session]]:
        """Every name that an encoder holds, with its session."""
        return {(name, stream.publisher) for name, stream in self.streams().items() if stream.publisher}

    def publishes(self, name: str) -> bool:
        """Does an encoder hold this name?"""
        stream = self.streams().get(name)
        return stream is not None and stream.publisher is not None


@contextmanager
def running_nginx(
    config: str, folder: Path, port: int, *, level: str | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run nginx with this configuration; its folder must be one that the unprivileged user may enter."""
    folder.mkdir(parents=True, exist_ok=True)
    give_to_user(folder)
    file = folder / "nginx.conf"
    file.write_text(config if level is None else config.replace("error_log stderr crit", f"error_log stderr {level}"))
    command = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(file)]
    with running(command, folder / "nginx.log", lambda: listens(port), drop_root=True) as process:
        yield process


def ingest_config(ports: IngestPorts, folder: Path, hook_secret: str, more_upstreams: str = "") -> str:
    """The shipped template, filled in for a test."""
    values = {
        "RTMP_LISTEN": f"127.0.0.1:{ports.rtmp}",
        "HTTP_LISTEN": f"127.0.0.1:{ports.http}",
        "WEB_UPSTREAMS": f"server 127.0.0.1:{ports.web} max_fails=0; {more_upstreams}",
        "HOOK_SECRET": hook_secret,
        "RUN": str(folder),
        "RTMP_MODULE": RTMP_MODULE,
        "PLAY_FROM": "127.0.0.1",
    }
    return render((ROOT / "nginx/ingest.conf").read_text(), values)


@contextmanager
def running_web(settings: Settings, ports: IngestPorts, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m server web` with these settings, behind the ingest's hooks."""
    env = {
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": settings.redis_url,
        "LEAMS_HOOK_SECRET": settings.hook_secret,
        "LEAMS_INGEST_HTTP_URL": ports.http_url,
        "LEAMS_WEB_PORT": str(ports.web),
        "LEAMS_METRICS_PORT": str(ports.metrics),
        "MEDIA_STORE": settings.media_store,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "server", "web"]
    with running(command, log, lambda: listens(ports.web), env=env) as process:
        yield process


@contextmanager
def running_ingest(settings: Settings, folder: Path) -> Iterator[IngestPorts]:
    """The shipped ingest and one web process; logs are `nginx.log` and `web.log` in the folder."""
    ports = IngestPorts.free()
    folder.mkdir(parents=True, exist_ok=True)
    config = ingest_config(ports, folder, settings.hook_secret)
    with running_web(settings, ports, folder / "web.log"), running_nginx(config, folder, ports.rtmp):
        yield ports


def encoder_command(address: str, *extra: str) -> list[str]:
    """FFmpeg with a tiny picture and a tone, key frames every 2 s."""
    return [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-hide_banner", "-loglevel", "warning", "-nostdin"),
        *("-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=15"),
        *("-re", "-f", "lavfi", "-i", "sine=sample_rate=44100"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "32k", *extra, "-f", "flv", address),
    ]


@contextmanager
def encoder(address: str, log: Path, *extra: str) -> Iterator["subprocess.Popen[bytes]"]:
    """An encoder publishes until the block ends; one that is refused ends."""
    with running(encoder_command(address, *extra), log, lambda: True) as process:
        yield process


@contextmanager
def admitted(ports: IngestPorts, key: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """An encoder with a good key that holds its name; on a busy machine a hook may miss its 200 ms, so it insists."""
    before = ports.publishers()
    for _ in range(5):
        with encoder(ports.address(key), log) as process:
            wait_until(lambda p=process: p.poll() is not None or bool(ports.publishers() - before), "admission")  # type: ignore[misc]  # bound early
            if process.poll() is None:
                yield process
                return
    raise TimeoutError("a good key was refused five times")


@contextmanager
def insisting_encoder(address: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """An encoder that tries again when it is refused, as OBS does, until the block ends."""
    again = (
        "import subprocess, sys, time\n"
        "for attempt in range(10):\n    subprocess.run(sys.argv[1:], check=False)\n    time.sleep(1)\n"
    )
    with running([sys.executable, "-c", again, *encoder_command(address)], log, lambda: True) as process:
        yield process


def wait_for_publisher(ports: IngestPorts, name: str, seconds: float = 10.0) -> None:
    """Until an encoder holds the name."""
    wait_until(lambda: ports.publishes(name), f"an encoder on {name}", seconds)


def wait_for_end(process: "subprocess.Popen[bytes]", seconds: float = 10.0) -> float:
    """Until the process has ended by itself; how long that took."""
    started = time.monotonic()
    wait_until(lambda: process.poll() is not None, "the encoder to end", seconds)
    return time.monotonic() - started


async def make_channel(db: Pool, name: str) -> tuple[int, str]:
    """A channel with a stream key: its id and the key."""
    async with db.acquire() as connection:
        account_id = await connection.fetchval(
            "INSERT INTO accounts (name, display_name, password_hash) VALUES ($1, $1, '') RETURNING id", name
        )
        channel_id: int = await connection.fetchval(
            "INSERT INTO channels (owner_account_id, slug, title) VALUES ($1, $2, 'A title') RETURNING id",
            account_id,
            name.lower(),
        )
    return channel_id, await make_key(db, channel_id)


async def make_key(db: Pool, channel_id: int) -> str:
    """Another key of the channel."""
    key = mint(secrets.token_bytes(RANDOM_BYTES))
    async with db.acquire() as connection:
        await connection.execute(
            "INSERT INTO stream_keys (channel_id, label, hash) VALUES ($1, 'test', $2)", channel_id, key_hash(key)
        )
    return key


async def jobs(redis: Redis) -> list[LiveJob]:
    """What was ever put on the jobs stream."""
    entries: Any = await redis.xrange(JOBS_STREAM)
    return [decode_job(fields[FIELD.encode()]) for _, fields in entries]


def files_with(folder: Path, text: str) -> list[Path]:
    """Every file below `folder` whose name or content has `text`."""
    wanted = text.encode()
    return [file for file in folder.rglob("*") if text in file.name or (file.is_file() and wanted in file.read_bytes())]


@contextmanager
def from_another_address(port: int, source: str = "127.0.0.2") -> Iterator[int]:
    """A port that forwards to `port` from another address, for FFmpeg can't choose its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_sockets: list[socket.socket] = []
        threading.Thread(target=_accept, args=(server, port, source, open_sockets), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            for connection in open_sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, port: int, source: str, open_sockets: list[socket.socket]) -> None:
    with suppress(OSError):  # the server is closed at the end of the block
        while True:
            near, _ = server.accept()
            far = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
            open_sockets += [near, far]
            threading.Thread(target=_copy, args=(near, far), daemon=True).start()
            threading.Thread(target=_copy, args=(far, near), daemon=True).start()


def _copy(giving: socket.socket, taking: socket.socket) -> None:
    with suppress(OSError):
        while data := giving.recv(65536):
            taking.sendall(data)
    for end in (giving, taking):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
