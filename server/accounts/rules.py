"""What an account's name and password must be.  Pure."""

import re
import unicodedata
from typing import Final

from server.refusal import AppError

_NAME: Final = re.compile(r"[A-Za-z0-9_]{3,25}", re.ASCII)

PASSWORD_MIN_CHARS: Final = 8
PASSWORD_MAX_CHARS: Final = 200

_ADDRESSES: Final = (  # of the site, now and plausibly later
    "about account accounts admin api app assets auth browse categories category channel channels chat clips dashboard"
    " directory docs download favicon feed follows help home index jwks live livez login logout media metrics"
    " moderation notifications player playlist popout privacy profile readyz register robots rtmp schedule search"
    " settings signup static stream studio subscriptions terms thumbnail upload user users video videos vod vods watch"
    " well_known whip whep www"
)
_VOICES: Final = (  # that people would believe
    "administrator anonymous bot everyone guest here leams mod moderator null official owner root security server"
    " service staff support system undefined"
)
_OPERATORS: Final = "demo"  # made by `admin ensure-channel` alone
RESERVED_NAMES: Final = frozenset(f"{_ADDRESSES} {_VOICES} {_OPERATORS}".split())


def is_name(text: str) -> bool:
    """Is this the shape of an account's name or a channel's slug?"""
    return _NAME.fullmatch(text) is not None


def parse_name(text: str) -> str:
    """The name, if it has the shape of one; the operator's commands may take reserved ones.

    Raises:
        AppError: 400 `bad_name`.
    """
    if not is_name(text):
        raise AppError("bad_name", 400, "A name is 3 to 25 letters a-z, digits or underscores.", field="name")
    return text


def parse_free_name(text: str) -> str:
    """The name, if anybody may register it.

    Raises:
        AppError: 400 `bad_name`; 409 `name_taken` for a reserved one.
    """
    name = parse_name(text)
    if name.lower() in RESERVED_NAMES:
        raise AppError("name_taken", 409, "This name is reserved.", field="name")
    return name


def normal_password(text: str) -> str:
    """One form for what different keyboards send for the same letters (NFC)."""
    return unicodedata.normalize("NFC", text)


def parse_password(text: str, *, name: str, field: str = "password") -> str:
    """The password in its normal form, if it may protect the account `name`.

    Raises:
        AppError: 400 `bad_password`.
    """
    password = normal_password(text)
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        expected = f"A password is {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters long."
        raise AppError("bad_password", 400, expected, field=field)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise AppError("bad_password", 400, "A password has no control characters.", field=field)
    if password.casefold() == name.casefold():
        raise AppError("bad_password", 400, "The password may not be the name.", field=field)
    return password
