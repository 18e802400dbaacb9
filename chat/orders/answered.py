"""`/me` and `/help`, which the room's rows have no part in: they are answered on the spot.  Pure."""

from chat.entry import TEXT, Argument, Entry, Help, Kind
from chat.room import Say

ENTRIES = (
    Entry("me", (TEXT,), "Say something in the third person.", "member", lambda values: Say(values.text, is_me=True)),
    Entry(
        "help",
        (Argument("COMMAND", Kind.COMMAND, is_required=False),),
        "List the commands, or explain one.",
        "guest",
        lambda values: Help(values.word or None),
    ),
)
