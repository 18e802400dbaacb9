"""The form that nginx-rtmp posts to a hook.  Pure, and written for hostile input.

nginx escapes what it knows (`app … name type`), then appends the encoder's own `?a=b` arguments as they came.  So the
first occurrence of a name is nginx's word, everything behind the fields that we know is the encoder's, and nothing is
longer than nginx lets it be.  Source: ngx_rtmp_notify_module.c.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from media.broadcast import Session

BODY_MAX_BYTES = 8192
"""nginx-rtmp holds at most 256 bytes of each of its seven texts, escaped threefold."""
_VALUE_MAX_BYTES = 256
_FIELDS_MAX = 16
"""nginx sends at most eleven of its own."""
_CLIENT_ID_MAX_DIGITS = 20

_YES = frozenset({b"1", b"yes", b"true"})


@dataclass(frozen=True, slots=True)
class HookCall:
    """Who calls about which name."""

    call: str
    app: str
    name: str
    """The secret key: never log it."""
    session: Session
    is_test: bool = False
    """The encoder asked for a broadcast that nobody sees: `?test=1` behind the key."""


def parse_hook_call(body: bytes) -> HookCall | None:
    """The call, or None for anything that nginx doesn't send."""
    if len(body) > BODY_MAX_BYTES:
        return None
    first: dict[bytes, bytes] = {}
    for given in body.split(b"&", _FIELDS_MAX)[:_FIELDS_MAX]:
        label, _, value = given.partition(b"=")
        first.setdefault(label, value)
    call, app, name, address, client_id = (
        _text(first.get(field, b"")) for field in (b"call", b"app", b"name", b"addr", b"clientid")
    )
    if call is None or app is None or name is None or address is None or client_id is None:
        return None
    if not (client_id.isascii() and client_id.isdigit() and len(client_id) <= _CLIENT_ID_MAX_DIGITS):
        return None
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    return HookCall(call, app, name, Session(client_id, address), is_test=first.get(b"test") in _YES)


def _text(raw: bytes) -> str | None:
    value = unquote_to_bytes(raw)
    return value.decode("utf-8", "surrogateescape") if len(value) <= _VALUE_MAX_BYTES else None
