"""Settings are read once, typed and bounded, and every fault is told at once."""

import pytest

from chat.endpoints import parse_deployment
from server.process.environment import Environment, SettingsError


def test_every_fault_is_told_at_once() -> None:
    """A missing text, a number out of range, a word that is no flag, a network that trusts everybody."""
    read = Environment({"PORT": "70000", "FLAG": "yes", "TRUSTED": "127.0.0.1,*", "RATIO": "x", "WORD": "third"})
    assert read.text("NAME") == ""
    assert read.integer("PORT", 80, 0, 65535) == 80
    assert read.flag("FLAG", default=True) is True
    assert read.number("RATIO", 1.5, 0, 2) == 1.5
    read.networks("TRUSTED", "127.0.0.1")
    read.choice("WORD", ("first", "second"))
    with pytest.raises(SettingsError) as error:
        read.check()
    assert [fault.split("=")[0].split()[0] for fault in error.value.faults] == [
        "NAME",
        "PORT",
        "FLAG",
        "RATIO",
        "TRUSTED",
        "WORD",
    ]


def test_what_is_right_is_read() -> None:
    """Values of the environment win over defaults; without faults `check` is silent."""
    read = Environment({"PORT": "8080", "FLAG": "0", "TRUSTED": "10.0.0.0/8, ::1", "PLACE": "/srv"})
    assert read.integer("PORT", 80, 0, 65535) == 8080
    assert read.flag("FLAG", default=True) is False
    assert read.flag("OTHER", default=True) is True
    assert read.choice("WORD", ("first", "second")) == "first"
    assert read.choice("PLACE", ("/var", "/srv")) == "/srv"
    assert read.text("NAME", "somebody") == "somebody"
    assert read.networks("TRUSTED", "127.0.0.1") == "10.0.0.0/8, ::1"
    read.check()


def test_an_address_is_what_its_reader_can_read() -> None:
    """The fault names the variable, and tells nobody the password."""
    read = Environment({"A": "redis://h:1", "B": "http://:secret@h"})
    assert read.address("A", "", parse_deployment) == "redis://h:1"
    assert read.address("C", "redis://d", parse_deployment) == "redis://d"
    assert read.address("C", "", parse_deployment) == ""
    read.address("B", "", parse_deployment)
    with pytest.raises(SettingsError, match=r"B: expected one of redis") as raised:
        read.check()
    assert "secret" not in str(raised.value)
