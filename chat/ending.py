"""End tasks that may swallow a cancellation.

redis-py turns one that arrives while it connects into a finished connect: such a task has to be told again.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 0.2


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks until every one is over; their results and failures are dropped."""
    ending = set(tasks)
    waiting = {task for task in ending if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    for task in ending:
        if not task.cancelled():
            task.exception()  # seen, or asyncio would complain of it
