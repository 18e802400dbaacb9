"""`python -m clients chat | publish`: arguments, sign-in, exit statuses.

Exit statuses: 0 left by the person, 1 could not sign in or no such channel, 2 wrong arguments, 3 closed by the server.
"""

import argparse
import asyncio
import getpass
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from clients.api import Api, ApiError
from clients.chat import ChatClient
from clients.publish import Picture, publish
from clients.terminal import ChatApp, run_lines

EXAMPLES = """examples:
  python -m clients chat demo                          read as a guest
  python -m clients chat demo --name ann               sign in (the password is asked, or in LEAMS_PASSWORD)
  python -m clients chat demo --json | jq .event.text  one JSON frame a line
  echo "hello" | python -m clients chat demo --name ann --lines
  LEAMS_STREAM_KEY=… python -m clients publish --test-picture
"""


def main(argv: list[str]) -> int:
    """Run one command; returns its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.command == "publish":
        return _publish(arguments)
    try:
        return asyncio.run(_chat(arguments))
    except KeyboardInterrupt:
        return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(
        prog="python -m clients", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    chat = commands.add_parser("chat", help="a channel's chat in the terminal")
    chat.add_argument("channel", help="the last part of the channel's address")
    chat.add_argument("--url", default=os.environ.get("LEAMS_URL", "http://127.0.0.1:8080"), help="the site")
    chat.add_argument("--name", help="sign in with this account's name")
    shape = chat.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON frame a line")
    shape.add_argument("--lines", action="store_true", help="plain lines instead of a screen (so is a pipe)")
    send = commands.add_parser("publish", help="publish a stream; the key is read from LEAMS_STREAM_KEY")
    send.add_argument("--server", default="rtmp://127.0.0.1:1935/live", help="the RTMP address")
    what = send.add_mutually_exclusive_group(required=True)
    what.add_argument("--test-picture", action="store_true", help="a moving picture with a clock, and a tone")
    what.add_argument("--file", type=Path, help="a media file, in a loop")
    send.add_argument("--size", default="1280x720", type=_size, help="of the test picture")
    send.add_argument("--fps", default=30, type=int)
    send.add_argument("--kbps", default=2500, type=int)
    return whole


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _publish(arguments: argparse.Namespace) -> int:
    key = os.environ.get("LEAMS_STREAM_KEY", "")
    if not key:
        print("set LEAMS_STREAM_KEY to a key from the dashboard", file=sys.stderr)
        return 2
    width, height = arguments.size
    picture = Picture(width=width, height=height, fps=arguments.fps, video_kbps=arguments.kbps)
    return publish(arguments.server, key, file=arguments.file, picture=picture)


async def _chat(arguments: argparse.Namespace) -> int:
    async with Api(arguments.url) as api:
        try:
            if arguments.name:
                password = os.environ.get("LEAMS_PASSWORD") or getpass.getpass(f"Password of {arguments.name}: ")
                await api.log_in(arguments.name, password)
            channel = await api.channel(arguments.channel)
        except ApiError as error:
            print(error.message, file=sys.stderr)
            return 1
        except httpx.TransportError as error:
            print(f"{arguments.url} can't be reached: {error}", file=sys.stderr)
            return 1
        can_speak = arguments.name is not None
        async with ChatClient(socket_url(arguments.url), str(channel["id"]), api.access_token) as chat:
            if arguments.json or arguments.lines or not sys.stdout.isatty():
                speak_from = sys.stdin if can_speak else None
                return await run_lines(chat, sys.stdout, as_json=arguments.json, speak_from=speak_from)
            return await ChatApp(chat, channel["name"], can_speak=can_speak).run_async() or 0


def socket_url(url: str) -> str:
    """The site's WebSocket address."""
    parts = urlsplit(url)
    return urlunsplit(("wss" if parts.scheme == "https" else "ws", parts.netloc, "/ws", "", ""))
