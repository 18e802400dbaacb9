"""The chat in a terminal: a Textual screen for people, plain or JSON lines for pipes."""

import asyncio
import colorsys
import json
import os
import sys
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar, TextIO

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer, Header, Input, RichLog, Static

from clients.chat import ChatClient, ChatClosedError, ChatRefusedError, Frame

BADGES = {"owner": "♛ ", "moderator": "⚔ ", "vip": "◆ "}
ANNOUNCEMENT_STYLES = {
    "primary": "bold magenta",
    "blue": "bold bright_blue",
    "green": "bold green",
    "orange": "bold yellow",
    "purple": "bold bright_magenta",
}
LINES_MAX = 1_000


def name_colour(name: str) -> str:
    """A colour of one's own, the same everywhere, light enough for a dark terminal."""
    red, green, blue = colorsys.hls_to_rgb(zlib.crc32(name.lower().encode()) % 360 / 360, 0.7, 0.7)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def system_line(event: dict[str, Any]) -> str | None:
    """What a room event that is no message says in words; None for one that a person need not see."""
    by = event["by"]["name"] if "by" in event else ""
    match event["t"]:
        case "deleted":
            return f"a message was deleted by {by}"
        case "user_cleared" if event.get("seconds"):
            return f"{event['name']} was timed out for {event['seconds']} s by {by}" + _because(event)
        case "user_cleared":
            return f"{event['name']} was banned by {by}" + _because(event)
        case "user_restored":
            return f"{event['name']} may speak again ({by})"
        case "room_cleared":
            return f"the chat was cleared by {by}"
        case "modes":
            return f"{by} changed the chat: {modes_line(event)}"
        case "pinned":
            return pinned_line(event)
        case "unpinned":
            return f"{by} took the pinned message down"
        case "role":
            return f"{event['name']} is now {event['role']} ({by})"
    return None


def pinned_line(pinned: dict[str, Any]) -> str:
    """What is pinned, by whom."""
    message = pinned["message"]
    return f"pinned by {pinned['by']['name']}: {message['author']['name']}: {message['text']}"


def modes_line(modes: dict[str, Any]) -> str:
    """The room's modes in words."""
    parts = []
    if modes.get("slow_seconds"):
        parts.append(f"slow mode {modes['slow_seconds']} s")
    if (followers := modes.get("followers_only_seconds")) is not None:
        parts.append("followers only" + (f" for {followers} s" if followers else ""))
    return ", ".join(parts) or "everybody may speak"


def _because(event: dict[str, Any]) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


def clock(event: dict[str, Any]) -> str:
    """The event's time of day here."""
    return datetime.fromtimestamp(event["at_ms"] / 1000, UTC).astimezone().strftime("%H:%M")


def event_text(event: dict[str, Any]) -> Text | None:
    """One line of the log with its colours."""
    if event["t"] == "announcement":
        return _announcement(event)
    if event["t"] != "message":
        line = system_line(event)
        return None if line is None else Text(f"{clock(event)} — {line}", style="dim italic")
    author = event["author"]
    colour = name_colour(author["name"])
    text = Text(f"{clock(event)} ", style="dim")
    text.append(BADGES.get(author.get("role", "member"), ""), style="bold")
    text.append(author["name"], style=f"bold {colour}")
    text.append(" " if event.get("me") else ": ")
    text.append(event["text"], style=f"italic {colour}" if event.get("me") else "")
    return text


def _announcement(event: dict[str, Any]) -> Text:
    """Set off by its colour and a word, so that a pipe shows it too."""
    style = ANNOUNCEMENT_STYLES.get(event.get("colour", "primary"), "bold")
    text = Text(f"{clock(event)} ", style="dim")
    text.append(f"» announcement by {event['author']['name']}: ", style=style)
    text.append(event["text"], style="bold")
    return text


def frame_texts(frame: Frame) -> list[Text]:
    """The lines a frame adds to the screen."""
    match frame["t"]:
        case "joined":
            lines = [text for logged in frame.get("events", []) if (text := event_text(logged["event"]))]
            role = frame.get("role", "guest")
            word = "back; nothing was missed" if frame.get("recovered") else f"you are here as {role}"
            pinned = [Text(f"— {pinned_line(frame['pinned'])} —", style="bold")] if frame.get("pinned") else []
            return [*lines, Text(f"— {word} —", style="dim"), *pinned]
        case "event":
            text = event_text(frame["event"])
            return [text] if text else []
        case "disconnected":
            return [Text(f"— connection lost, trying again in {frame['retry_seconds']:.1f} s —", style="yellow")]
        case "you" if frame.get("restriction"):
            return [Text(f"— {restriction_line(frame['restriction'])} —", style="red")]
    return []


def restriction_line(restriction: dict[str, Any]) -> str:
    """Why, and until when, this member may not speak."""
    until = restriction.get("until_ms")
    when = f" until {datetime.fromtimestamp(until / 1000, UTC).astimezone():%H:%M:%S}" if until else ""
    return f"you are {restriction['code'].replace('_', ' ')}{when}{_because(restriction)}"


class ChatApp(App[int]):
    """A room on the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+c", "quit", "Leave"), ("ctrl+l", "clear_log", "Clear screen")]
    CSS = """
    #pinned { display: none; max-height: 4; background: $boost; }
    RichLog { height: 1fr; }
    Input { dock: bottom; margin-bottom: 1; }
    """

    def __init__(self, chat: ChatClient, channel: str, *, can_speak: bool) -> None:
        super().__init__()
        self._chat = chat
        self._can_speak = can_speak
        self.title = channel
        self._said: list[str] = []

    def compose(self) -> ComposeResult:
        """The screen, from top to bottom."""
        yield Header()
        yield Static(id="pinned", markup=False)
        yield RichLog(max_lines=LINES_MAX, wrap=True, markup=False)
        hint = "Say something, or /help" if self._can_speak else "You read as a guest: --name NAME signs in"
        yield Input(placeholder=hint, disabled=not self._can_speak, max_length=500)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read the room."""
        self.run_worker(self._read(), exclusive=True)
        self.query_one(Input).focus()

    async def _read(self) -> None:
        log = self.query_one(RichLog)
        try:
            async for frame in self._chat:
                for text in frame_texts(frame):
                    log.write(text)
                self._show_pinned()
                if frame["t"] == "info":
                    self.sub_title = f"{frame.get('viewers', 0)} watching · {frame.get('title', '')}"
        except ChatClosedError as closed:
            log.write(Text(str(closed), style="red"))

    def _show_pinned(self) -> None:
        line = self.query_one("#pinned", Static)
        pinned = self._chat.pinned
        line.display = pinned is not None
        if pinned is not None:
            line.update(pinned_line(pinned))

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        """Say the line; what is refused stays in the field."""
        text = message.value.strip()
        if not text:
            return
        log = self.query_one(RichLog)
        try:
            answer = await self._chat.say(text)
        except ChatRefusedError as refused:
            wait = f" (again in {refused.retry_after_ms / 1000:.0f} s)" if refused.retry_after_ms else ""
            log.write(Text(f"{refused}{wait}", style="red"))
            return
        message.input.value = ""
        if answer.get("text"):
            log.write(Text(answer["text"], style="cyan"))

    def action_clear_log(self) -> None:
        """Empty the screen, not the room."""
        self.query_one(RichLog).clear()


async def run_lines(chat: ChatClient, out: TextIO, *, as_json: bool, speak_from: TextIO | None) -> int:
    """The room as lines on `out`, for pipes; lines of `speak_from` are said.  Returns the exit status."""
    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(_speak(chat, speak_from)) if speak_from else None
        try:
            async for frame in chat:
                _print_frame(frame, out, as_json=as_json)
        except ChatClosedError as closed:
            print(closed, file=sys.stderr)
            return 3
        except BrokenPipeError:
            # whoever read our lines has gone; what is still buffered can go nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        finally:
            if speaking:
                speaking.cancel()
    return 0


def _print_frame(frame: Frame, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(frame, ensure_ascii=False), file=out, flush=True)
        return
    for text in frame_texts(frame):
        print(text.plain if os.environ.get("NO_COLOR") or not out.isatty() else _ansi(text), file=out, flush=True)


def _ansi(text: Text) -> str:
    from rich.console import Console  # noqa: PLC0415  # only where a terminal shows colours without a screen

    console = Console(force_terminal=True)
    with console.capture() as capture:
        console.print(text, end="")
    return capture.get()


async def _speak(chat: ChatClient, source: TextIO) -> None:
    async for line in _lines(source):
        if line.strip():
            try:
                answer = await chat.say(line.strip())
            except ChatRefusedError as refused:
                print(f"refused: {refused}", file=sys.stderr, flush=True)
            else:
                if answer.get("text"):
                    print(answer["text"], file=sys.stderr, flush=True)


async def _lines(source: TextIO) -> AsyncIterator[str]:
    while line := await asyncio.to_thread(source.readline):
        yield line
