"""Sessions and their refresh tokens in Postgres: functions that take a connection.

A session is one signed-in device: a family of refresh tokens of which only the newest is worth anything.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.auth.permissions import SiteRole
    from server.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true now of the account behind a session that has not ended."""

    site_role: "SiteRole"
    must_change_password: bool


async def standing(connection: "Connection", session_id: str) -> Standing | None:
    """The account's standing; None when the session or the account has ended."""
    row = await connection.fetchrow(
        "SELECT a.site_role, a.must_change_password FROM sessions s JOIN accounts a ON a.id = s.account_id"
        " WHERE s.id = $1 AND s.revoked_at IS NULL AND a.disabled_at IS NULL AND a.deleted_at IS NULL",
        session_id,
    )
    return Standing(row["site_role"], row["must_change_password"]) if row else None
