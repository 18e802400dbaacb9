"""Broadcast rows as an encoder would have left them, for tests of doors that only read them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.db.pool import Pool


async def put_on_air(db: "Pool", slug: str, state: str = "live", public_id: str = "") -> str:
    """Give the channel an open broadcast in a state; returns its public id."""
    public_id = public_id or f"pid-{slug}"
    await db.execute(
        "INSERT INTO broadcasts (public_id, channel_id, state, title, category, live_at)"
        " SELECT $1, id, $2, title, category, CASE WHEN $2 <> 'starting' THEN now() END FROM channels WHERE slug = $3",
        public_id,
        state,
        slug,
    )
    return public_id
