"""Tasks end although they swallow a cancellation."""

import asyncio
from contextlib import suppress

from chat.ending import end


async def test_a_task_that_swallows_its_first_cancellation_ends() -> None:
    """What redis-py does while it connects: the first cancellation is lost, the second one counts."""
    begun = asyncio.Event()

    async def swallow_once() -> None:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(swallow_once())
    await begun.wait()
    await end([task])
    assert task.cancelled()


async def test_what_is_over_is_left_alone() -> None:
    """Finished tasks and no tasks at all cost nothing; a failure is dropped."""

    async def fail() -> None:
        raise RuntimeError

    failed = asyncio.create_task(fail())
    await asyncio.wait([failed])
    await end([failed])
    await end([])
    assert isinstance(failed.exception(), RuntimeError)
