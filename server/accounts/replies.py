"""What the doors say of an account: rows in, replies out."""

from uuid import UUID

import msgspec

from server.accounts.store import AccountRow
from server.auth.permissions import SiteRole
from server.auth.sessions import SessionRow
from server.bodies import unix_ms


class Account(msgspec.Struct, frozen=True):
    """An account as its owner sees it."""

    id: int
    name: str
    display_name: str
    site_role: SiteRole
    must_change_password: bool
    channel: str
    created_ms: int

    @classmethod
    def of(cls, row: AccountRow) -> "Account":
        """Leave out what is nobody's business."""
        return cls(
            row.id,
            row.name,
            row.display_name,
            row.site_role,
            row.must_change_password,
            row.channel_slug,
            unix_ms(row.created_at),
        )


class Session(msgspec.Struct, frozen=True):
    """What signing in and every refresh give; the refresh token goes in a cookie beside it."""

    access_token: str
    expires_in_seconds: int
    account: Account


class OpenSession(msgspec.Struct, frozen=True):
    """One signed-in device."""

    id: UUID
    created_ms: int
    last_used_ms: int
    user_agent: str
    address: str
    current: bool

    @classmethod
    def of(cls, row: SessionRow, current_id: str) -> "OpenSession":
        """Mark the one that asks."""
        return cls(
            row.id,
            unix_ms(row.created_at),
            unix_ms(row.last_used_at),
            row.user_agent,
            row.address,
            str(row.id) == current_id,
        )
