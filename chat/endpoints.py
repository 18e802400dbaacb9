"""Where the chat's Redis is: one server, or the seeds of a Cluster.  Pure: reads an address, opens nothing."""

from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

PORT = 6379
_SCHEMES = {
    "redis": (False, False),
    "rediss": (True, False),
    "unix": (False, False),
    "redis+cluster": (False, True),
    "rediss+cluster": (True, True),
}
"""Scheme → (TLS, Cluster)."""
_OPTIONS = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})
"""Those of redis-py's that mean something here."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How a `rediss` server is trusted; by default as a browser would."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    is_verified: bool = True
    is_name_checked: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Redis server, and how to sign in there."""

    host: str = "localhost"
    port: int = PORT
    path: str = ""
    """A Unix socket, instead of host and port."""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: Tls | None = None

    def at(self, host: str, port: int) -> Self:
        """Another node of the same Cluster; an empty host is this one's."""
        return replace(self, host=host or self.host, port=port)

    @property
    def name(self) -> str:
        """For logs: no password."""
        return self.path or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One Redis, or the nodes of a Cluster to ask first."""

    seeds: tuple[Endpoint, ...]
    is_cluster: bool = False


def parse_deployment(url: str) -> Deployment:
    """Read `redis[s]://[user:password@]host[:port][/db]`, `unix:///path?db=0` or `redis[s]+cluster://host:port,host:port`.

    Raises:
        ValueError: none of these.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"expected one of {', '.join(_SCHEMES)}, then ://")
    is_tls, is_cluster = _SCHEMES[parts.scheme]
    options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(f"unknown options: {', '.join(sorted(unknown))}")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    common = Endpoint(
        path=unquote(parts.path) if parts.scheme == "unix" else "",
        username=unquote(username),
        password=unquote(password),
        database=_database(parts, options, is_cluster=is_cluster),
        tls=_tls(options) if is_tls else None,
    )
    if common.path:
        return Deployment((common,))
    names = hosts.split(",") if is_cluster else [hosts]
    return Deployment(tuple(_node(common, name) for name in names), is_cluster)


def _node(common: Endpoint, name: str) -> Endpoint:
    address = urlsplit(f"//{name}")
    if "," in name or (address.hostname is None and name):
        raise ValueError(f"{name!r} is no host:port")
    return common.at(address.hostname or "", address.port or PORT)


def _database(parts: SplitResult, options: dict[str, str], *, is_cluster: bool) -> int:
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    number = options.get("db", path or "0")
    if not number.isdecimal():
        raise ValueError(f"{number!r} is no database's number")
    if is_cluster and number != "0":
        raise ValueError("a Cluster has database 0 alone")
    return int(number)


def _tls(options: dict[str, str]) -> Tls:
    return Tls(
        ca_file=options.get("ssl_ca_certs"),
        certificate_file=options.get("ssl_certfile"),
        key_file=options.get("ssl_keyfile"),
        is_verified=options.get("ssl_cert_reqs", "required") != "none",
        is_name_checked=options.get("ssl_check_hostname", "true").lower() not in {"false", "0", "no"},
    )
