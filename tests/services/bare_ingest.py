"""The shipped ingest without its hooks: one publishes straight to the public id."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import listens, running
from workbench.machine import free_port, give_to_user, program
from workbench.nginx import render

ROOT = Path(__file__).resolve().parents[2]
RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so"


@contextmanager
def bare_ingest(folder: Path, *, wait_video: bool = False) -> Iterator[str]:
    """Run it for as long as the block lasts; yields the address that encoders and the transcoder put names behind.

    `wait_video` keeps sound back until a picture has come.
    """
    folder.mkdir(parents=True, exist_ok=True)
    give_to_user(folder)
    port = free_port()
    values = {
        "RTMP_LISTEN": f"127.0.0.1:{port}",
        "HTTP_LISTEN": f"127.0.0.1:{free_port()}",
        "WEB_UPSTREAMS": "server 127.0.0.1:9;",
        "HOOK_SECRET": "none",
        "RUN": str(folder),
        "RTMP_MODULE": RTMP_MODULE,
        "PLAY_FROM": "127.0.0.1",
    }
    template = (ROOT / "nginx/ingest.conf").read_text()
    lines = [line for line in template.splitlines() if not line.strip().startswith(("on_publish", "wait_video"))]
    at = next(place for place, line in enumerate(lines) if line.strip().startswith("wait_key"))
    lines.insert(at, f"wait_video {'on' if wait_video else 'off'};")
    config = folder / "nginx.conf"
    config.write_text(render("\n".join(lines), values))
    command = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with running(command, folder / "nginx.log", lambda: listens(port), drop_root=True):
        yield f"rtmp://127.0.0.1:{port}/live"
