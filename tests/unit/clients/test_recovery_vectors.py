"""Scripted conversations, `tests/data/chat/recovery.json`, against the Python client; the web client has them too."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.conversation import Close, Conversation, Effect, Frame, Greet, Open, Show, Transmit

Vector = dict[str, Any]
VECTORS: list[Vector] = json.loads((Path(__file__).parents[2] / "data/chat/recovery.json").read_text())
TURN_SECONDS = 0.05
OPENS_WITHIN_SECONDS = 30.0


class Page:
    """A reader before a scripted server: performs the effects, keeps what is shown."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.conversation = Conversation("12", "test", lambda: 0.5)
        self.opened: list[int] = []
        self.left: set[int] = set()
        self.sent: dict[int, list[Frame]] = {}
        self.ids: dict[str, int] = {}
        self.shown: list[tuple[str, str]] = []
        self.said = 0
        self.perform(self.conversation.start(self.now))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Open(link):
                    self.opened.append(link)
                    self.sent[link] = []
                case Greet(link):
                    self.perform(self.conversation.greet(link, None))
                case Transmit(link, frame):
                    self.ids[frame["t"]] = frame["id"]
                    if frame["t"] != "hello":
                        self.sent[link].append(frame)
                case Close(link):
                    self.left.add(link)
                case Show(frame):
                    self.show(frame)
                case _:
                    pass

    def show(self, frame: Frame) -> None:
        if frame["t"] == "joined":
            if not frame.get("recovered"):
                self.shown.clear()
            for logged in frame["events"]:
                self.fold(logged["event"])
        elif frame["t"] == "event":
            self.fold(frame["event"])

    def fold(self, event: Frame) -> None:
        if event["t"] == "message":
            self.shown.append((event["id"], event["text"]))
        elif event["t"] == "deleted":
            self.shown = [line for line in self.shown if line[0] != event["message_id"]]

    def pass_time(self, seconds: float) -> None:
        ends = self.now + seconds
        while (due := self.conversation.due_at()) is not None and due <= ends:
            self.now = max(self.now, due)
            self.perform(self.conversation.tick(self.now))
        self.now = ends

    def accept(self, number: int) -> None:
        """The n-th socket (0: the next one) opens, once the client has asked for it."""
        number, waited = number or len(self.opened) + 1, 0.0
        while len(self.opened) < number:
            assert waited < OPENS_WITHIN_SECONDS
            waited += TURN_SECONDS
            self.pass_time(TURN_SECONDS)
        link = self.opened[number - 1]
        self.perform(self.conversation.opened(link))
        welcome = {"t": "welcome", "id": self.ids["hello"], "session": "s", "server_time_ms": 1, "ping_seconds": 25}
        self.perform(self.conversation.received(link, welcome, self.now))

    def take(self, step: Vector) -> None:  # noqa: C901, PLR0912  # one case for each kind of step
        link = self.opened[step["on"] - 1] if "on" in step else 0
        match step:
            case {"open": number}:
                self.accept(number)
            case {"client": expected}:
                sent = self.sent[link].pop(0)
                assert {key: sent.get(key) for key in expected} == expected
            case {"server": frame}:
                if frame["t"] in {"joined", "ack", "error"}:
                    kind = step.get("answers", "join" if frame["t"] == "joined" else "send")
                    frame = {**frame, "id": self.ids[kind]}
                self.perform(self.conversation.received(link, frame, self.now))
            case {"close": code}:
                self.perform(self.conversation.closed(link, code, "", self.now))
            case {"say": text}:
                self.said += 1
                self.perform(self.conversation.say(f"n-{self.said}", text, self.now))
            case {"wait_ms": ms}:
                self.pass_time(ms / 1000)
            case {"shown": texts}:
                assert [text for _, text in self.shown] == texts
            case {"silent": number}:
                assert self.sent[self.opened[number - 1]] == []
            case {"left": number}:
                assert self.opened[number - 1] in self.left
            case {"kept": number}:
                assert self.opened[number - 1] not in self.left
            case {"sockets": count}:
                assert len(self.opened) == count
            case _:
                raise AssertionError(step)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_conversation_shows_each_line_once_and_in_order(vector: Vector) -> None:
    """Every step of the script: what the client must have sent, and what its reader sees."""
    page = Page()
    for step in vector["steps"]:
        page.take(step)
