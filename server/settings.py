"""The server's settings: read once from the environment, then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from chat.endpoints import parse_deployment
from media.objects import S3Access, live_folder, parse_endpoint, parse_place
from server.process.environment import Environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set; `docs/operations.md` lists the same names."""

    database_url: str
    redis_url: str
    chat_redis_url: str
    """The chat's Redis; `redis+cluster://host:port,host:port` for a Cluster."""
    chat_join_seconds: float
    """How long a busy room's frames may wait for others to leave with; 0: each leaves as it comes."""
    chat_transport: str
    """`auto`: our own, when it works with the uvicorn that is installed; `asgi`: uvicorn's."""
    chat_may_deflate: bool
    """Compress for the clients that ask for it: a third of the bytes for a multiple of the CPU."""
    public_url: str
    """Where people reach us, no trailing slash: decides cookies, allowed origins and printed addresses."""
    rtmp_public_url: str
    """What a streamer types into OBS as the server address."""
    media_store: str
    """`file:///folder` or `s3://bucket/prefix`: init sections, segments and thumbnails."""
    media_access: S3Access
    live_folder: Path | None
    """Where workers write and the edge reads; None: in the store itself."""
    media_max_bytes: int
    """Of all media; the oldest recordings go first."""
    channel_max_bytes: int
    """Of one channel's."""
    vod_days: float
    """How long a recording is kept; 0: until somebody deletes it."""
    dvr_seconds: float
    """How far one can rewind while it is live."""
    min_free_share: float
    """Of the live folder's disk: with less, recording stops so that live goes on."""
    web_host: str
    web_port: int
    trusted: str
    """The edge's address or network: only from there is a client's address and scheme believed."""
    metrics_host: str
    metrics_port: int
    hook_secret: str
    """What the ingest nginx adds to every hook, so that nobody else can call one."""
    ingest_http_url: str
    """The ingest nginx's private HTTP port: `/stat` and `/control`."""
    grace_seconds: float
    """How long an interrupted broadcast waits for its encoder."""
    has_slate: bool
    """Meanwhile it shows its last picture, dimmed; without, players hold what they have."""
    log_level: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read and check every setting.

        Raises:
            SettingsError: with all faults at once.
        """
        read = Environment(env)
        settings = cls(
            database_url=read.text("LEAMS_DATABASE_URL"),
            redis_url=read.text("LEAMS_REDIS_URL"),
            chat_redis_url=read.address("LEAMS_CHAT_REDIS_URL", env.get("LEAMS_REDIS_URL", ""), parse_deployment),
            chat_join_seconds=read.number("LEAMS_CHAT_JOIN_MS", 12, 0, 20) / 1000,
            chat_transport=read.choice("LEAMS_CHAT_TRANSPORT", ("auto", "asgi")),
            chat_may_deflate=read.choice("LEAMS_CHAT_COMPRESSION", ("off", "on")) == "on",
            public_url=read.text("LEAMS_PUBLIC_URL", "http://127.0.0.1:8080").rstrip("/"),
            rtmp_public_url=read.text("LEAMS_RTMP_PUBLIC_URL", "rtmp://127.0.0.1:1935/live"),
            media_store=(store := read.address("MEDIA_STORE", Path("var/media").absolute().as_uri(), parse_place)),
            media_access=S3Access.from_env(env),
            live_folder=live_folder(env.get("LEAMS_LIVE_FOLDER", ""), store),
            media_max_bytes=int(read.number("LEAMS_MEDIA_MAX_GB", 10, 0.1, 1_000_000) * 1_000_000_000),
            channel_max_bytes=int(read.number("LEAMS_CHANNEL_MAX_GB", 1_000_000, 0.1, 1_000_000) * 1_000_000_000),
            vod_days=read.number("LEAMS_VOD_DAYS", 0, 0, 36_500),
            dvr_seconds=read.number("LEAMS_DVR_HOURS", 4, 0.5, 48) * 3600,
            min_free_share=read.number("LEAMS_MIN_FREE_PERCENT", 5, 0, 50) / 100,
            web_host=read.text("LEAMS_WEB_HOST", "127.0.0.1"),
            web_port=read.integer("LEAMS_WEB_PORT", 8101, 0, 65535),
            trusted=read.networks("LEAMS_TRUSTED", "127.0.0.1"),
            metrics_host=read.text("LEAMS_METRICS_HOST", "127.0.0.1"),
            metrics_port=read.integer("LEAMS_METRICS_PORT", 9101, 0, 65535),
            hook_secret=read.text("LEAMS_HOOK_SECRET"),
            ingest_http_url=read.text("LEAMS_INGEST_HTTP_URL", "http://127.0.0.1:8181").rstrip("/"),
            grace_seconds=read.number("LEAMS_GRACE_SECONDS", 90, 0, 3600),
            has_slate=read.choice("LEAMS_SLATE", ("on", "off")) == "on",
            log_level=read.text("LEAMS_LOG_LEVEL", "info"),
        )
        read.address("AWS_ENDPOINT_URL", "", parse_endpoint)
        read.check()
        return settings

    @property
    def is_https(self) -> bool:
        """Cookies are `Secure` exactly when people reach us over TLS."""
        return urlsplit(self.public_url).scheme == "https"
