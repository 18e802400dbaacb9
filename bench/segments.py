"""What our edge's configuration costs a segment: requests a second beside nginx with nothing but a folder.

`python -m bench.segments [--quick]`: both serve the same file of a store of 600 segments, each alone on a core, in
turn; wrk on the other core keeps 64 connections busy.  The ratio is the median of the rounds' ratios.
"""

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.report import Figure, report
from bench.services import LOAD_CORES, SERVER_CORES, bench_folder, pin
from tests.services.edge import answers, edge_nginx
from tests.services.processes import running
from workbench.machine import free_port, give_to_user, program

GOAL_RATIO = 0.95
SEGMENTS = 600
SIZE_BYTES = 200_000
"""Of 2 s at 800 kbps: what wrk and the loopback can still carry by the thousand."""
NAME = "0123456789abcdef01/v1/1795000000-7.m4s"
CONNECTIONS = 64
BARE = """
daemon off;
worker_processes 1;
pid "@RUN@/nginx.pid";
error_log stderr warn;
events { worker_connections 8192; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path "@RUN@/body";
    proxy_temp_path "@RUN@/proxy";
    fastcgi_temp_path "@RUN@/fastcgi";
    uwsgi_temp_path "@RUN@/uwsgi";
    scgi_temp_path "@RUN@/scgi";
    server {
        listen 127.0.0.1:@PORT@;
        location /media/ { alias "@MEDIA@/"; }
    }
}
"""


def fill(folder: Path) -> None:
    """A store as a live broadcast leaves it."""
    target = folder / "media" / NAME
    target.parent.mkdir(parents=True)
    for number in range(SEGMENTS):
        (target.parent / f"1795000000-{number}.m4s").write_bytes(bytes(SIZE_BYTES))


@contextmanager
def bare_nginx(folder: Path) -> Iterator[str]:
    """The peer: nginx as it comes, with the folder alone."""
    port, run = free_port(), folder / "bare"
    run.mkdir()
    give_to_user(run)
    config = run / "nginx.conf"
    text = BARE.replace("@RUN@", str(run)).replace("@PORT@", str(port)).replace("@MEDIA@", str(folder / "media"))
    config.write_text(text)
    address = f"http://127.0.0.1:{port}"
    command = [program("nginx"), "-p", str(run), "-e", "stderr", "-c", str(config)]
    with running(command, run / "log", lambda: answers(f"{address}/media/{NAME}"), drop_root=True) as process:
        pin(process.pid, SERVER_CORES)
        yield address


@contextmanager
def our_edge(folder: Path) -> Iterator[str]:
    """The shipped configuration."""
    (folder / "dist").mkdir()
    with ExitStack() as stack:
        address = stack.enter_context(edge_nginx(folder, [free_port()], folder / "dist", folder / "media"))
        pin(int((folder / "edge/nginx.pid").read_text()), SERVER_CORES)
        yield address


def rate(address: str, seconds: int) -> float:
    """Requests a second; 0 when any was not a 200."""
    core = ",".join(map(str, sorted(LOAD_CORES)))
    command = ["taskset", "-c", core, program("wrk"), "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s"]
    told = subprocess.run([*command, f"{address}/media/{NAME}"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None or "Non-2xx" in told:
        return 0.0
    return float(found[1])


def main(argv: list[str]) -> int:
    """Fill a store, let both serve it in turn, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.segments")
    parser.add_argument("--quick", action="store_true", help="three rounds of 3 s instead of seven of 6 s")
    arguments = parser.parse_args(argv)
    rounds, seconds = (3, 3) if arguments.quick else (7, 6)
    with bench_folder() as folder:
        fill(folder)
        with bare_nginx(folder) as bare, our_edge(folder) as ours:
            for address in (bare, ours):
                rate(address, 1)
            pairs = [(rate(bare, seconds), rate(ours, seconds)) for _ in range(rounds)]
    ratios = [ours / bare for bare, ours in pairs]
    return report(
        "segments",
        {
            "ratio": Figure(round(statistics.median(ratios), 3), "ours / bare", GOAL_RATIO, better="higher"),
            "ours": Figure(round(statistics.median(ours for _, ours in pairs)), "requests a second"),
            "bare": Figure(round(statistics.median(bare for bare, _ in pairs)), "requests a second"),
            "size": Figure(SIZE_BYTES, "bytes"),
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
