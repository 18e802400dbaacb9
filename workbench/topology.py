"""Which processes a single machine runs, in which order, with which settings."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.db.schema import current_revision, expected_revision
from workbench.addresses import Addresses
from workbench.machine import program
from workbench.nginx import render
from workbench.postgres import postgres_command
from workbench.redis import redis_command, write_redis_config
from workbench.supervisor import Program, Ready, StartError

ROOT = Path(__file__).resolve().parent.parent
NGINX_MODULES = Path("/usr/lib/nginx/modules")
MIME_TYPES = Path("/etc/nginx/mime.types")
WEBS = ("web_1", "web_2")
WEB_STOP_SECONDS = 15.0
"""A web process asks its sockets to leave for 3 s, and finishes requests for 10 s more."""
TRANSCODING_SHARE = 0.85
TRANSCODERS = ("transcoder_1", "transcoder_2")


class Topology:
    """The programs of one run; every method returns those that may start together."""

    def __init__(self, addresses: Addresses, var: Path, hook_secret: str, store_password: str) -> None:
        self.addresses = addresses
        self.var = var
        self._hook_secret = hook_secret
        self._store_password = store_password
        loopback = "127.0.0.1"
        port = addresses.internal_port
        self.postgres_server = f"postgresql://leams:{store_password}@{loopback}:{port('postgres')}"
        self.database_url = f"{self.postgres_server}/leams"
        self.environment = {
            "LEAMS_DATABASE_URL": self.database_url,
            "LEAMS_REDIS_URL": f"redis://:{store_password}@{loopback}:{port('redis')}/0",
            "LEAMS_PUBLIC_URL": addresses.public_url,
            "LEAMS_RTMP_PUBLIC_URL": f"rtmp://{addresses.host}:{addresses.rtmp_port}/live",
            "LEAMS_RTMP_PULL_URL": f"rtmp://{loopback}:{addresses.rtmp_port}/live",
            "LEAMS_INGEST_HTTP_URL": f"http://{loopback}:{port('ingest_http')}",
            "LEAMS_HOOK_SECRET": hook_secret,
            "MEDIA_STORE": os.environ.get("MEDIA_STORE") or (var / "media").as_uri(),
            "LEAMS_LIVE_FOLDER": os.environ.get("LEAMS_LIVE_FOLDER") or str(var / "media"),
            # each worker plans its ladders for its own share of the machine
            "LEAMS_TRANSCODER_CORES": os.environ.get("LEAMS_TRANSCODER_CORES") or f"{cores_per_transcoder():.2f}",
        }

    def stores(self) -> list[Program]:
        """Postgres and Redis."""
        port = self.addresses.internal_port
        redis_config = self.var / "secrets/redis.conf"
        write_redis_config(redis_config, self._store_password)
        return [
            Program(
                "postgres",
                postgres_command(self.var / "postgres", port("postgres")),
                ready=self._postgres_answers,
                stop_signal=signal.SIGINT,
            ),
            Program("redis", redis_command(self.var / "redis", port("redis"), redis_config), ready=self._redis_answers),
        ]

    def servers(self) -> list[Program]:
        """Everything between the stores and the edge."""
        return [
            *(self._web(name) for name in WEBS),
            self._ours("jobs", ["server", "jobs"], "jobs_metrics"),
            *(self._ours(name, ["transcoder"], f"{name}_metrics") for name in TRANSCODERS),
        ]

    def doors(self) -> list[Program]:
        """The two nginx processes."""
        return [self._ingest(), self._edge()]

    def demo(self, stream_key: str) -> Program:
        """The demo encoder: publishes like any other, with a key of its own."""
        address = f"rtmp://127.0.0.1:{self.addresses.rtmp_port}/live"
        return Program(
            "demo",
            [sys.executable, "-m", "clients", "publish", "--test-picture", "--server", address],
            environment={"LEAMS_STREAM_KEY": stream_key},
        )

    def _web(self, name: str) -> Program:
        port = self.addresses.internal_port(name)
        web = self._ours(name, ["server", "web"], f"{name}_metrics", {"LEAMS_WEB_PORT": str(port)})
        return replace(web, ready=_http_ok(f"http://127.0.0.1:{port}/readyz"), stop_seconds=WEB_STOP_SECONDS)

    def _ours(self, name: str, module: list[str], metrics: str, more: dict[str, str] | None = None) -> Program:
        port = self.addresses.internal_port(metrics)
        return Program(
            name,
            [sys.executable, "-m", *module],
            ready=_http_ok(f"http://127.0.0.1:{port}/metrics"),
            environment={**self.environment, "LEAMS_METRICS_PORT": str(port), **(more or {})},
        )

    def _upstreams(self) -> str:
        return "\n".join(
            f"server 127.0.0.1:{self.addresses.internal_port(name)} max_fails=1 fail_timeout=1s;" for name in WEBS
        )

    def _ingest(self) -> Program:
        addresses = self.addresses
        http = f"127.0.0.1:{addresses.internal_port('ingest_http')}"
        values = {
            "RTMP_LISTEN": f"{addresses.bind}:{addresses.rtmp_port}",
            "HTTP_LISTEN": http,
            "WEB_UPSTREAMS": self._upstreams(),
            "HOOK_SECRET": self._hook_secret,
            "RTMP_MODULE": str(NGINX_MODULES / "ngx_rtmp_module.so"),
            "PLAY_FROM": "127.0.0.1",
        }
        return self._nginx("ingest", values, _http_ok(f"http://{http}/stat"))

    def _edge(self) -> Program:
        addresses = self.addresses
        tls = ""
        if addresses.certificate:
            tls = f'ssl_certificate "{addresses.certificate}"; ssl_certificate_key "{addresses.certificate_key}";'
        values = {
            "LISTEN": f"{addresses.bind}:{addresses.port}{' ssl http2' if tls else ''}",
            "TLS": tls,
            "WEB_UPSTREAMS": self._upstreams(),
            "STATIC_ROOT": str(ROOT / "clients/web/dist"),
            "MEDIA_ROOT": self.environment["LEAMS_LIVE_FOLDER"],
            "WORKERS": "1",
            "MIME_TYPES": str(MIME_TYPES),
        }
        scheme = "https" if tls else "http"
        return self._nginx("edge", values, _http_ok(f"{scheme}://127.0.0.1:{addresses.port}/readyz"))

    def _nginx(self, name: str, values: dict[str, str], ready: Ready) -> Program:
        folder = self.var / "nginx" / name
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nginx.conf"
        config.touch(mode=0o600)  # the ingest's holds the hook secret
        config.write_text(render((ROOT / f"nginx/{name}.conf").read_text(), {**values, "RUN": str(folder)}))
        command = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]
        return Program(f"nginx_{name}", command, ready=ready)

    async def _postgres_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(f"{self.postgres_server}/postgres", timeout=1)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    async def _redis_answers(self) -> bool:
        client = Redis.from_url(self.environment["LEAMS_REDIS_URL"], socket_timeout=1)
        try:
            return bool(await client.ping())
        except (OSError, RedisError):  # a RedisError also while it reads its log
            return False
        finally:
            await client.aclose()


def _http_ok(url: str) -> Ready:
    async def answers() -> bool:
        # verify=False: our own port on loopback, under whatever name the operator's certificate is for
        async with httpx.AsyncClient(timeout=2, verify=False) as client:  # noqa: S501
            try:
                return (await client.get(url)).status_code == 200
            except httpx.HTTPError:
                return False

    return answers


def cores_per_transcoder() -> float:
    """What the servers and the encoder beside them leave, shared by the workers."""
    return max(0.5, TRANSCODING_SHARE * len(os.sched_getaffinity(0)) / len(TRANSCODERS))


async def prepare_database(topology: Topology) -> None:
    """Create the database on the first start and bring it to this code's revision."""
    connection = await asyncpg.connect(f"{topology.postgres_server}/postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'leams'"):
            await connection.execute("CREATE DATABASE leams")
    finally:
        await connection.close()
    connection = await asyncpg.connect(topology.database_url)
    try:
        is_current = await current_revision(connection) == expected_revision()
    finally:
        await connection.close()
    if not is_current:
        await server_command(topology, "migrate")


async def server_command(topology: Topology, *arguments: str) -> str:
    """Run `python -m server …` and return what it printed.

    Raises:
        StartError: it failed; the message is its last words.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", *arguments),
        env={**os.environ, **topology.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise StartError(f"python -m server {arguments[0]}: {errors.decode(errors='replace').strip()[-500:]}")
    return output.decode()
