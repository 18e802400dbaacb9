"""Seconds from an encoder's start to the first part that a player can fetch, with a copied top rung and with a ladder.

`./run bench publish_to_play [--quick] [--rounds N]`: the whole platform on loopback, 720p30 with 2 s key frames.
The first broadcast of a key is encoded throughout, because its key frames are not known; the next one's top is copied.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import time
from typing import Any

import httpx

from bench.clock_picture import clock_picture_command
from bench.report import Figure, report
from clients.api import Api
from clients.publish import Picture
from tests.e2e.live import first_part, live_channel
from tests.services.processes import running
from tests.services.stack import Stack, running_stack
from tests.services.waiting import eventually

GOAL_COPIED_SECONDS = 1.5
GOAL_LADDER_SECONDS = 3.0
ROUNDS, QUICK_ROUNDS = 5, 2
GRACE_SECONDS = 1
"""So that a broadcast ends soon after its encoder, and the next one is another."""
PROOF_SECONDS = 40
"""Within so long the key frames' distance is known: five equal ones in a row, and a turn of who writes it down."""
PICTURE = Picture(width=1280, height=720, fps=30, video_kbps=2500, preset="ultrafast")


async def measure(stack: Stack, rounds: int) -> dict[str, Figure]:
    """Each round has a channel of its own, with two broadcasts."""
    ladders: list[float] = []
    copies: list[float] = []
    part = 0.0
    async with Api(stack.url) as api, httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        for number in range(rounds):
            account = await api.register(f"b{secrets.token_hex(6)}", secrets.token_hex(12))
            slug = account["channel"]
            key = await api.create_stream_key(slug, f"round {number}")
            command = clock_picture_command(PICTURE, f"{stack.rtmp}/{key}")
            for times in (ladders, copies):
                started = time.monotonic()
                with running(command, stack.var / "log/encoder.log", lambda: True):
                    part = await first_part(http, await live_channel(http, slug, 30), 30)
                    times.append(time.monotonic() - started)
                    if times is ladders:
                        await eventually(lambda: proven(api, slug), "the key frames' distance", PROOF_SECONDS)  # noqa: B023
                await eventually(lambda: over(http, slug), "the broadcast's end", 30)  # noqa: B023
            print(f"round {number}: ladder {ladders[-1]:.2f} s, copied {copies[-1]:.2f} s", flush=True)
    baseline = "IVS: 6 to 12 s to the first frame"
    return {
        "ladder_median": Figure(round(statistics.median(ladders), 2), "s", GOAL_LADDER_SECONDS, baseline),
        "ladder_max": Figure(round(max(ladders), 2), "s"),
        "copied_median": Figure(round(statistics.median(copies), 2), "s", GOAL_COPIED_SECONDS, baseline),
        "copied_max": Figure(round(max(copies), 2), "s"),
        "part": Figure(part, "s", 0.5),
    }


async def proven(api: Api, slug: str) -> bool:
    """Whether the server knows how far apart the encoder's key frames are."""
    health: dict[str, Any] = await api.broadcast(slug)
    return bool((health["source"] or {}).get("keyframe_seconds"))


async def over(http: httpx.AsyncClient, slug: str) -> bool:
    """Whether the channel is offline again."""
    return bool((await http.get(f"/api/v1/channels/{slug}")).json()["live"] == "offline")


def main(argv: list[str]) -> int:
    """Run the bench; its last line is the JSON."""
    parser = argparse.ArgumentParser(prog="./run bench publish_to_play")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args(argv)
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    with running_stack("--no-demo", environment={"LEAMS_GRACE_SECONDS": str(GRACE_SECONDS)}) as stack:
        return report("publish_to_play", asyncio.run(measure(stack, rounds)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
