"""Hashing passwords: argon2id, in a bounded line."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.auth.passwords import NO_PASSWORD, Passwords, hash_password, open_passwords, password_matches
from server.refusal import AppError


def test_a_password_matches_its_hash_alone() -> None:
    """argon2id with a salt of its own each time."""
    hashed = hash_password("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != hash_password("correct horse")
    assert password_matches(hashed, "correct horse")
    assert not password_matches(hashed, "Correct horse")


@pytest.mark.parametrize("hashed", [None, NO_PASSWORD, "nonsense", "$argon2id$v=19$m=1"])
def test_without_a_hash_nothing_matches(hashed: str | None) -> None:
    """An unknown name, an account without password, a broken hash: no, and no error."""
    for password in ("", "the password of nobody", "x" * 200):
        assert not password_matches(hashed, password)


async def test_the_line_is_bounded_and_the_loop_goes_on() -> None:
    """Who comes when it is full is told to come back; the others are served."""
    gate = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(gate.wait)
        passwords = Passwords(executor, at_once=2)
        waiting = [asyncio.ensure_future(passwords.hash("correct horse")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(AppError) as caught:
            await passwords.matches(None, "correct horse")
        assert (caught.value.code, caught.value.status, caught.value.retry_after_seconds) == ("busy", 503, 1)
        gate.set()
        hashed, _ = await asyncio.gather(*waiting)
        assert await passwords.matches(hashed, "correct horse")


async def test_an_open_line_hashes() -> None:
    """The process's own."""
    with open_passwords() as passwords:
        assert await passwords.matches(await passwords.hash("correct horse"), "correct horse")
