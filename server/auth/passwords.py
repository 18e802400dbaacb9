"""Hash and compare passwords with argon2id, never on the event loop, never more than a few at once.

Each hash takes 19 MiB and some 50 ms of a core, so an unbounded door would let anybody take the machine down.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from server.accounts.rules import normal_password
from server.refusal import AppError

_T = TypeVar("_T")

WORKERS: Final = 2
WAITING_MAX: Final = 32
"""At 40 a second the last of them waits under a second; who comes after is told to come back."""

NO_PASSWORD: Final = ""
"""Stands for a hash in accounts that nobody can log in to: it matches nothing."""

# OWASP's parameters for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_UNKNOWN: Final = _HASHER.hash("the password of nobody", salt=b"the salt of nobody")
"""What a login with an unknown name is compared with, so that it costs the same as a wrong password."""


def hash_password(password: str) -> str:
    """The argon2id hash in its own text form (blocking)."""
    return _HASHER.hash(normal_password(password))


def password_matches(hashed: str | None, password: str) -> bool:
    """Compare in the same time whether there is a hash or not (blocking)."""
    usable = bool(hashed)
    try:
        _HASHER.verify(hashed or _UNKNOWN, normal_password(password))
    except (Argon2Error, InvalidHashError):
        return False
    return usable


class Passwords:
    """The process's two hashing threads and the bounded line before them."""

    def __init__(self, executor: ThreadPoolExecutor, *, at_once: int = WORKERS + WAITING_MAX) -> None:
        self._executor = executor
        self._at_once = at_once
        self._present = 0

    async def hash(self, password: str) -> str:
        """The password's hash.

        Raises:
            AppError: 503 `busy`, the line is full.
        """
        return await self._run(lambda: hash_password(password))

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Is it the password?  Without a hash the answer is no, after the same time.

        Raises:
            AppError: 503 `busy`, the line is full.
        """
        return await self._run(lambda: password_matches(hashed, password))

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._present >= self._at_once:
            raise AppError("busy", 503, "Too many people are signing in at once.", retry_after_seconds=1)
        self._present += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._present -= 1


@contextmanager
def open_passwords() -> Iterator[Passwords]:
    """Hashing threads for as long as the block runs."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="argon2") as executor:
        yield Passwords(executor)
