"""What the chat asks of Postgres, each on a connection of the pool; the look-ups of hellos share their queries."""

import asyncio
import time
from dataclasses import dataclass

import structlog

from chat.archive import oldest_waiting_ms
from chat.audience import Identity
from chat.availability import AWAY
from chat.history import ArchiveBehindError, Moderation, Page, archived_page, is_archived_before, may_wait_before
from chat.room import Position, RoomRules
from chat.sanctions import room_rules, rules_versions
from chat.session import TokenExpiredError, TokenRefusedError
from chat.shards import Shards
from chat.tickets import Claims, Tickets
from chat.wire import BACKFILL_MESSAGES, Hello, Logged
from server.auth.sessions import Standing, standings
from server.auth.signing_keys import AccessTokens
from server.auth.tokens import Identity as TokenIdentity
from server.auth.tokens import TokenError, TokenFault
from server.db.pool import Pool

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

ACQUIRE_SECONDS = 1.0
"""A request on a socket waits no longer for a database connection: it learns that the chat can't take it now."""
LOOK_UP_SECONDS = 1.0
"""Nor for the whole answer to its hello."""
GATHER_SECONDS = 0.02
"""Hellos that come within so long after a query share the next one; a lone hello waits for nobody."""
TICKET_PURPOSE = "chat reconnect ticket"


class LookUps:
    """Whether the sessions behind tokens and tickets still stand: those of many hellos in one query."""

    def __init__(self, db: Pool) -> None:
        self._db = db
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Claims, asyncio.Future[Identity]]] = []
        self._running: asyncio.Task[None] | None = None

    def ask(self, claims: Claims) -> "asyncio.Future[Identity]":
        """Whom the claims stand for now; the future fails with TokenRefusedError, or in a second with one of AWAY."""
        future: asyncio.Future[Identity] = self._loop.create_future()
        self._waiting.append((claims, future))
        if self._running is None:
            self._running = self._loop.create_task(self._answer_all())
        return future

    async def _answer_all(self) -> None:
        """Answer whoever waits until nobody does, on one connection: to take one costs as much as a query."""
        asked: list[tuple[Claims, asyncio.Future[Identity]]] = []
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS) as limit, self._db.acquire() as connection:
                while self._waiting:
                    began = self._loop.time()
                    limit.reschedule(began + LOOK_UP_SECONDS)
                    asked, self._waiting = self._waiting, []
                    found = await standings(connection, list({claims.session_id for claims, _ in asked}))
                    for claims, future in asked:
                        _settle(claims, future, found.get(claims.session_id))
                    await asyncio.sleep(began + GATHER_SECONDS - self._loop.time())
        except Exception as error:  # noqa: BLE001  # the top of a task; whoever asked is told
            if not isinstance(error, AWAY):
                _log.exception("chat_look_up_failed")
            asked, self._waiting = asked + self._waiting, []
            for _, future in asked:
                if not future.done():
                    future.set_exception(TimeoutError("sessions could not be looked up"))
        finally:
            self._running = None
            if self._waiting:  # somebody asked while the connection went back
                self._running = self._loop.create_task(self._answer_all())


def _settle(claims: Claims, future: "asyncio.Future[Identity]", standing: Standing | None) -> None:
    if future.done():
        return  # it was cancelled, and harms nobody
    if standing is None or standing.must_change_password:
        future.set_exception(TokenRefusedError())
        return
    is_staff = standing.site_role != "user"
    future.set_result(Identity(claims.account_id, claims.name, claims.session_id, claims.expires_at, is_staff=is_staff))


class Turnstile:
    """Lets hellos in by their tickets and tokens."""

    def __init__(self, db: Pool, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self._look_ups = LookUps(db)
        self._tickets = Tickets(tokens.secrets_for(TICKET_PURPOSE))
        self._issuer = tokens.kid

    def identify(self, hello: Hello) -> "asyncio.Future[Identity]":
        """Whom a hello with a ticket or a token stands for; `chat.session.Doors` tells what it raises."""
        now = time.time()
        if hello.ticket is not None:
            claims = self._standing_tickets().read(hello.ticket, now)
            if claims is not None:
                return self._look_ups.ask(claims)
        if hello.token is None:
            raise TokenExpiredError
        try:
            claimed = self._tokens.verify_known(hello.token, now)
        except TokenError as error:
            if error.fault is TokenFault.UNKNOWN_KEY:
                return asyncio.ensure_future(self._identify_by_new_keys(hello.token, now))
            raise _refusal_of(error) from error
        return self._look_ups.ask(_claims_of(claimed))

    async def _identify_by_new_keys(self, token: str, now: float) -> Identity:
        try:
            claimed = await self._tokens.verify(token, now)
        except TokenError as error:
            raise _refusal_of(error) from error
        return await self._look_ups.ask(_claims_of(claimed))

    def ticket(self, identity: Identity) -> str:
        """What this identity may come back with until its token ends."""
        claims = Claims(identity.account_id, identity.name, identity.session_id, int(identity.expires_at))
        return self._standing_tickets().issue(claims)

    def _standing_tickets(self) -> Tickets:
        """By the keys of now: they rotate with the signing keys."""
        if self._issuer != self._tokens.kid:
            self._tickets = Tickets(self._tokens.secrets_for(TICKET_PURPOSE))
            self._issuer = self._tokens.kid
        return self._tickets


def _claims_of(identity: TokenIdentity) -> Claims:
    return Claims(identity.account_id, identity.name, identity.session_id, int(identity.expires_at))


def _refusal_of(error: TokenError) -> TokenExpiredError | TokenRefusedError:
    return TokenExpiredError() if error.fault is TokenFault.EXPIRED else TokenRefusedError()


@dataclass(frozen=True, slots=True)
class ChatStore:
    """Rules, archive and follows; each method raises one of AWAY when Postgres (or Redis) is away."""

    db: Pool
    shards: Shards

    async def rules(self, room_id: int) -> RoomRules | None:
        """The room's rules as they are now; None: there is no such channel."""
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await room_rules(connection, room_id)

    async def versions(self, room_ids: list[int]) -> dict[int, int]:
        """The newest version of each room's rules."""
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return await rules_versions(connection, room_ids)

    async def before(self, room_id: int, position: Position) -> list[Logged]:
        """The archive's last visible messages before the log; none while that would leave a hole."""
        try:
            page = await self.archived(room_id, position, position, Moderation(), BACKFILL_MESSAGES)
        except ArchiveBehindError:
            return []
        return page.events

    async def archived(
        self, room_id: int, position: Position, edge: Position, moderation: Moderation, limit: int
    ) -> Page:
        """A page of the archive before the position; `chat.session.Archived` tells more."""
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            if not await is_archived_before(connection, room_id, edge):
                oldest_ms = await oldest_waiting_ms(self.shards, room_id)
                if may_wait_before(edge, oldest_ms):
                    raise ArchiveBehindError
            return await archived_page(connection, room_id, position, moderation, limit)

    async def followed_since_ms(self, room_id: int, account_id: int) -> int | None:
        """Since when the account follows the channel."""
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            since = await connection.fetchval(
                "SELECT created_at FROM follows WHERE channel_id = $1 AND account_id = $2", room_id, account_id
            )
        return None if since is None else int(since.timestamp() * 1000)

    async def ended(self, session_ids: list[str]) -> set[str]:
        """Which of these sessions no longer stand."""
        async with self.db.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return set(session_ids) - (await standings(connection, session_ids)).keys()
