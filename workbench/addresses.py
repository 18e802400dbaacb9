"""Ports and addresses of a run, read once from the environment."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PORTS = ("postgres", "redis", "ingest_http", "web_1", "web_2", "web_1_metrics", "web_2_metrics", "jobs_metrics",
         "transcoder_1_metrics", "transcoder_2_metrics")  # fmt: skip


class AddressError(Exception):
    """One sentence: which address can't be used and which variable changes it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything of one run listens."""

    bind: str
    host: str
    """What people put into their browser: loopback, or this machine's address in its network."""
    port: int
    rtmp_port: int
    internal: int
    public_url: str
    certificate: Path | None
    certificate_key: Path | None

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, lan: bool) -> Self:
        """Read `LEAMS_PORT` and friends.

        Raises:
            AddressError: a variable is not a port, or only one half of the certificate is given.
        """
        port, rtmp_port = _port(env, "LEAMS_PORT", 8080), _port(env, "LEAMS_RTMP_PORT", 1935)
        certificate, key = env.get("LEAMS_TLS_CERT"), env.get("LEAMS_TLS_KEY")
        if bool(certificate) != bool(key):
            raise AddressError("LEAMS_TLS_CERT and LEAMS_TLS_KEY go together: set both, or neither")
        for name, path in (("LEAMS_TLS_CERT", certificate), ("LEAMS_TLS_KEY", key)):
            if path and not os.access(path, os.R_OK):
                raise AddressError(f"{name}={path} can't be read")
        host = lan_address() if lan else "127.0.0.1"
        return cls(
            bind="0.0.0.0" if lan else "127.0.0.1",  # noqa: S104  # asked for with --lan
            host=host,
            port=port,
            rtmp_port=rtmp_port,
            internal=_port(env, "LEAMS_INTERNAL_PORTS", 18100),
            public_url=env.get("LEAMS_PUBLIC_URL") or f"{'https' if certificate else 'http'}://{host}:{port}",
            certificate=Path(certificate) if certificate else None,
            certificate_key=Path(key) if key else None,
        )

    def internal_port(self, name: str) -> int:
        """The loopback port of one of `PORTS`."""
        return self.internal + PORTS.index(name)

    def check_free(self) -> None:
        """Try every address before anything starts.

        Raises:
            AddressError: names the port and the variable.
        """
        for host, port, variable in (
            (self.bind, self.port, "LEAMS_PORT"),
            (self.bind, self.rtmp_port, "LEAMS_RTMP_PORT"),
            *(("127.0.0.1", self.internal_port(name), "LEAMS_INTERNAL_PORTS") for name in PORTS),
        ):
            try:
                with socket.create_server((host, port)):
                    pass
            except PermissionError:
                raise AddressError(f"no right to listen on port {port}: set {variable} to one above 1023") from None
            except OSError:
                raise AddressError(f"port {port} is in use: stop what holds it, or set {variable} to another") from None


def lan_address() -> str:
    """This machine's address in its network; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): only asks the routing table
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536 - len(PORTS):
        raise AddressError(f"{name}={text!r} is not a port")
    return int(text)
