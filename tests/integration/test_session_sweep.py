"""What becomes of sessions that ended long ago."""

from server.auth.sessions import forget_ended_sessions
from server.db.pool import Pool
from server.settings import Settings
from tests.services.people import open_site


async def test_only_sessions_nobody_can_use_are_forgotten(settings: Settings, db: Pool) -> None:
    """Ended or unused for thirty days: gone with their tokens; the others stay."""
    async with open_site(settings) as site:
        used, ended, idle = [site.person() for _ in range(3)]
        await used.register("ann")
        await ended.log_in("ann")
        await idle.log_in("ann")
        listed = (await idle.call("GET", "/account/sessions")).json()["sessions"]
        newest_first = [session["id"] for session in listed]
        await ended.call("POST", "/auth/logout")
        await db.execute("UPDATE sessions SET revoked_at = now() - interval '31 days' WHERE revoked_at IS NOT NULL")
        await db.execute(
            "UPDATE sessions SET last_used_at = now() - interval '31 days' WHERE id::text = $1", newest_first[0]
        )
        async with db.acquire() as connection:
            assert await forget_ended_sessions(connection) == 2
            assert await forget_ended_sessions(connection) == 0
        assert await db.fetchval("SELECT count(*) FROM refresh_tokens") == 1
        assert (await used.call("GET", "/account")).status_code == 200
