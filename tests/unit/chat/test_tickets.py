"""chat.tickets: what is issued is what is read, and nothing else stands."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.tickets import TICKET_MAX_CHARS, Claims, Tickets

KEYS = {"new-key_1": b"n" * 32, "old": b"o" * 32}
TICKETS = Tickets(KEYS)
ANN = Claims(7, "Ann", "7e6b5e2e-1111-4111-8111-111111111111", 1600)


@given(
    st.builds(
        Claims,
        st.integers(1, 2**63 - 1),
        st.from_regex(r"[A-Za-z0-9_]{3,25}", fullmatch=True),
        st.uuids().map(str),
        st.integers(1001, 2**40),
    )
)
def test_what_is_issued_is_what_is_read(claims: Claims) -> None:
    """Any claims come back as they were, in a short ASCII text without padding."""
    ticket = TICKETS.issue(claims)
    assert ticket.isascii()
    assert "=" not in ticket
    assert len(ticket) <= TICKET_MAX_CHARS
    assert TICKETS.read(ticket, 1000) == claims


def test_a_ticket_ends_with_its_token() -> None:
    """One moment before the end it stands, then no more."""
    ticket = TICKETS.issue(ANN)
    assert TICKETS.read(ticket, 1599.9) == ANN
    assert TICKETS.read(ticket, 1600) is None


def test_keys_rotate() -> None:
    """The first issues, all are taken; a ticket of a key that is gone, or renamed, is none."""
    old = Tickets({"old": KEYS["old"]}).issue(ANN)
    assert old.startswith("old.")
    assert TICKETS.issue(ANN).startswith("new-key_1.")
    assert TICKETS.read(old, 1000) == ANN
    assert Tickets({"new-key_1": KEYS["new-key_1"]}).read(old, 1000) is None
    assert Tickets({"old": KEYS["new-key_1"]}).read(old, 1000) is None


@pytest.mark.parametrize("ticket", ["", "x", ".", "old.", "old.AAAA", "old.A", "old.é", "old." + "A" * 600, "old.!!!!"])
def test_what_is_no_ticket(ticket: str) -> None:
    """Garbage is refused without an exception."""
    assert TICKETS.read(ticket, 1000) is None


@given(st.integers(0, 200), st.integers(1, 255))
def test_no_changed_byte_passes(place: int, change: int) -> None:
    """Whatever byte of payload or mac is another, the ticket is none."""
    key_id, _, body = TICKETS.issue(ANN).partition(".")
    raw = bytearray(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[place % len(raw)] ^= change
    assert TICKETS.read(f"{key_id}.{urlsafe_b64encode(raw).decode().rstrip('=')}", 1000) is None
