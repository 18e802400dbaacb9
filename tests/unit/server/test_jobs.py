"""The parts of `server jobs` don't end unnoticed."""

import asyncio
from contextlib import suppress
from typing import cast

import pytest

from server.background import JobState
from server.jobs import PartEndedError, _run

STATE = cast("JobState", None)


async def test_a_part_that_ends_takes_the_process_with_it() -> None:
    """Neither a return nor a cancellation that nobody asked for is a quiet end."""

    async def returns(_state: JobState) -> None:
        return

    async def is_cancelled_inside(_state: JobState) -> None:
        raise asyncio.CancelledError

    for part in (returns, is_cancelled_inside):
        with pytest.raises(ExceptionGroup) as ended:
            async with asyncio.TaskGroup() as group:
                group.create_task(_run(part, STATE))
        assert isinstance(ended.value.exceptions[0], PartEndedError)


async def test_a_part_that_is_asked_to_end_ends() -> None:
    """A shutdown is no failure."""

    async def waits(_state: JobState) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(_run(waits, STATE))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
