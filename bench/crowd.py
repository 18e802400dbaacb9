"""Thousands of people in seconds: accounts with sessions, channels and tokens, made by a few statements.

A moderator, as the room's owner, may speak 5 times a second (20 at once); a member once (5 at once).
"""

import secrets
import time
from collections.abc import Sequence

from server.auth.signing_keys import AccessTokens
from server.auth.tokens import Identity
from server.db.pool import Pool
from tests.services.chat import Account

TOKEN_SECONDS = 3600.0

_CROWD = """
WITH made AS (
  INSERT INTO accounts (name, display_name, password_hash)
  SELECT $1 || n, $1 || n, '' FROM generate_series(1, $2::int) AS n
  RETURNING id, name
), opened AS (
  INSERT INTO channels (owner_account_id, slug) SELECT id, name FROM made RETURNING id, owner_account_id
), signed_in AS (
  INSERT INTO sessions (id, account_id) SELECT gen_random_uuid(), id FROM made RETURNING id, account_id
)
SELECT made.id, made.name, signed_in.id::text AS session_id, opened.id::text AS room
FROM made JOIN opened ON opened.owner_account_id = made.id JOIN signed_in ON signed_in.account_id = made.id
ORDER BY made.id
"""


async def make_crowd(db: Pool, count: int) -> list[Account]:
    """So many accounts, each signed in (a token of an hour) and with a room of its own."""
    tokens, now = await AccessTokens.load(db), time.time()
    rows = await db.fetch(_CROWD, f"c_{secrets.token_hex(3)}_", count, timeout=60)
    await db.execute("ANALYZE accounts, channels, sessions")
    return [
        Account(
            row["id"],
            row["name"],
            row["session_id"],
            tokens.sign(Identity(row["id"], row["name"], "user", row["session_id"], now + TOKEN_SECONDS), now),
            row["room"],
        )
        for row in rows
    ]


async def make_moderators(db: Pool, room: str, accounts: Sequence[Account]) -> None:
    """Let them speak 5 times a second; call it before a process opens the room: rules are cached there."""
    await db.execute(
        "INSERT INTO room_roles (channel_id, account_id, role) SELECT $1, unnest($2::bigint[]), 'moderator'",
        int(room),
        [account.id for account in accounts],
    )
