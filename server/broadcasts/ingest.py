"""The ingest nginx's private HTTP port: who publishes, and how to drop somebody."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from server.broadcasts.statistics import APPLICATION, PAGE_MAX_BYTES, StatisticsError, Stream, parse_statistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media.broadcast import Session

TIMEOUT_SECONDS = 1.0


class IngestError(Exception):
    """The ingest does not answer, or answers nonsense."""


class Ingest:
    """One client for one ingest."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def streams(self) -> dict[str, Stream]:
        """Every name at the ingest.

        Raises:
            IngestError: it does not answer within `TIMEOUT_SECONDS`, or its page is not one.
        """
        try:
            async with self._client.stream("GET", "/stat") as reply:
                reply.raise_for_status()
                page = bytearray()
                async for chunk in reply.aiter_bytes():
                    page += chunk
                    if len(page) > PAGE_MAX_BYTES:
                        break
            return parse_statistics(bytes(page))
        except (httpx.HTTPError, StatisticsError) as error:
            raise IngestError(f"the statistics page: {error!r}") from error

    async def drop(self, public_id: str, session: "Session") -> bool:
        """Close this session if it publishes; True once it no longer holds the name.

        Raises:
            IngestError: the ingest does not answer.
        """
        wanted = {"app": APPLICATION, "name": public_id, "addr": session.address, "clientid": session.client_id}
        try:
            reply = await self._client.get("/control/drop/publisher", params=wanted)
        except httpx.HTTPError as error:
            raise IngestError(f"the control door: {error!r}") from error
        if reply.text == "1":  # closed in this very turn of nginx's loop
            return True
        stream = (await self.streams()).get(public_id)
        return stream is None or stream.publisher != session


@asynccontextmanager
async def open_ingest(url: str) -> "AsyncIterator[Ingest]":
    """A client for the ingest's private port; never through a proxy of the environment."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield Ingest(client)
