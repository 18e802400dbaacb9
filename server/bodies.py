"""Decode JSON bodies and query strings into msgspec structs, and encode replies."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.responses import Response

from server.refusal import AppError

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

BODY_MAX_BYTES = 64 * 1024
"""Ample for every JSON body we take; the largest is a profile of a few kilobytes."""


async def json_body(request: "Request[Any]", into: type[T], *, max_bytes: int = BODY_MAX_BYTES) -> T:
    """Read a bounded JSON body as `into`.

    Raises:
        AppError: `body_too_large` (413), `bad_body` (400) with the path of the faulty field, `bad_content_type` (415).
    """
    # A page of another site can send any text in a form, and log a visitor in as somebody else; a form can't send JSON
    # under its own name, and a script would have to ask first.
    if "origin" in request.headers and request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise AppError("bad_content_type", 415, "A browser sends this as application/json.")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise AppError("body_too_large", 413, f"The body is longer than {max_bytes} bytes.")
        chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks), type=into)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AppError("bad_body", 400, f"The body is not what this address takes: {error}.") from error


def query(request: "Request[Any]", into: type[T]) -> T:
    """Read the query string as `into`, turning digits into numbers where the struct asks for them.

    Raises:
        AppError: `bad_query` (400), also for a repeated name.
    """
    items = request.query_params.multi_items()
    names = dict(items)
    if len(names) != len(items):
        raise AppError("bad_query", 400, "A query parameter is given twice.")
    try:
        return msgspec.convert(names, into, strict=False)
    except msgspec.ValidationError as error:
        raise AppError("bad_query", 400, f"The query is not what this address takes: {error}.") from error


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply that no cache keeps unless `headers` say otherwise."""
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def unix_ms(moment: datetime) -> int:
    """A time as the API tells it: Unix milliseconds."""
    return round(moment.timestamp() * 1000)
