"""The real edge nginx before a real web process, on free ports."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.services.processes import running
from workbench.machine import free_port, give_to_user, program
from workbench.nginx import render

ROOT = Path(__file__).parents[2]


@contextmanager
def edge_nginx(
    folder: Path, webs: list[int], static_root: Path, media_root: Path, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Run the edge in `folder` (which the unprivileged user must be able to enter); yields its address.

    `tls` is a certificate and its key.
    """
    port = free_port()
    run = folder / "edge"
    run.mkdir()
    values = {
        "LISTEN": f"127.0.0.1:{port}{' ssl http2' if tls else ''}",
        "TLS": f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else "",
        "WEB_UPSTREAMS": " ".join(f"server 127.0.0.1:{web} max_fails=1 fail_timeout=1s;" for web in webs),
        "STATIC_ROOT": str(static_root),
        "MEDIA_ROOT": str(media_root),
        "RUN": str(run),
        "WORKERS": "1",
        "MIME_TYPES": "/etc/nginx/mime.types",
    }
    config = run / "nginx.conf"
    config.write_text(render((ROOT / "nginx/edge.conf").read_text(), values))
    log = run / "log"
    log.touch()
    for path in (run, log):
        give_to_user(path)
    command = [program("nginx"), "-p", str(run), "-e", "stderr", "-c", str(config)]
    address = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    with running(command, log, lambda: answers(f"{address}/readyz"), drop_root=True):
        yield address


@contextmanager
def web_process(folder: Path, environment: dict[str, str], name: str = "web") -> Iterator[int]:
    """Run `python -m server web`; yields its port."""
    port = free_port()
    python = sys.executable
    env = {**environment, "LEAMS_WEB_PORT": str(port), "LEAMS_METRICS_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    with running(
        [python, "-m", "server", "web"],
        folder / f"{name}.log",
        lambda: answers(f"http://127.0.0.1:{port}/readyz"),
        env=env,
    ):
        yield port


def answers(url: str) -> bool:
    """Does it answer at all?"""
    try:
        httpx.get(url, timeout=2, verify=False)
    except httpx.HTTPError:
        return False
    return True
