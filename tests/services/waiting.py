"""Wait on a condition of a foreign process, with a deadline; never on time itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, seconds: float = 20.0) -> T:
    """Look again and again until the answer is neither None nor False.

    Raises:
        AssertionError: it did not come within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                if found := await look():
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s for {what}") from None
