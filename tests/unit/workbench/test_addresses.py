"""Addresses of a run: defaults, variables, and the one sentence for a port in use."""

import socket
from pathlib import Path

import pytest

from workbench.addresses import PORTS, AddressError, Addresses
from workbench.machine import free_port


def test_defaults_are_on_loopback() -> None:
    """Without variables everything listens on 127.0.0.1 and the public URL says so."""
    addresses = Addresses.from_env({}, lan=False)
    assert (addresses.bind, addresses.port, addresses.rtmp_port) == ("127.0.0.1", 8080, 1935)
    assert addresses.public_url == "http://127.0.0.1:8080"


def test_lan_binds_everywhere() -> None:
    """--lan listens on all addresses."""
    assert Addresses.from_env({}, lan=True).bind == "0.0.0.0"


@pytest.mark.parametrize("value", ["0", "-1", "70000", "web", "65530"])
def test_a_port_must_be_one(value: str) -> None:
    """Anything else is refused with the variable's name."""
    with pytest.raises(AddressError, match="LEAMS_PORT="):
        Addresses.from_env({"LEAMS_PORT": value}, lan=False)


def test_certificate_needs_its_key(tmp_path: Path) -> None:
    """One half of a TLS pair, or an unreadable file, is refused; both make https."""
    with pytest.raises(AddressError, match="go together"):
        Addresses.from_env({"LEAMS_TLS_CERT": "/c"}, lan=False)
    with pytest.raises(AddressError, match="can't be read"):
        Addresses.from_env({"LEAMS_TLS_CERT": "/no/c", "LEAMS_TLS_KEY": "/no/k"}, lan=False)
    pem = tmp_path / "pem"
    pem.touch()
    addresses = Addresses.from_env({"LEAMS_TLS_CERT": str(pem), "LEAMS_TLS_KEY": str(pem)}, lan=False)
    assert addresses.public_url.startswith("https://")


def test_a_port_in_use_names_its_variable() -> None:
    """The sentence says which port and which variable moves it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        addresses = Addresses.from_env({"LEAMS_PORT": str(port)}, lan=False)
        with pytest.raises(AddressError, match=f"port {port} is in use.*LEAMS_PORT"):
            addresses.check_free()


def test_internal_ports_follow_each_other() -> None:
    """Each server has its own port."""
    addresses = Addresses.from_env({"LEAMS_INTERNAL_PORTS": str(free_port() % 20000 + 20000)}, lan=False)
    assert len({addresses.internal_port(name) for name in PORTS}) == len(PORTS)
