"""What an object's name says of it, and where a store's URL points.  Pure.

Names are `<public id>/<file>` or `<public id>/<rendition>/<file>`; the files' names follow from `media.window`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

NAME = re.compile(r"(?P<public_id>[0-9A-Za-z_-]{1,64})/(?:[0-9A-Za-z_-]{1,64}/)?[0-9A-Za-z_-]{1,100}\.(?:m4s|mp4|jpg)")
"""Every name that we give; the edge asks the same (`nginx/edge.conf`)."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""Names of init sections, parts and segments are used once."""
REPLACED = "public, max-age=5"

_PART = re.compile(r"-p[0-9]+\.m4s$")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TYPES = {"m4s": "video/iso.segment", "mp4": "video/mp4", "jpg": "image/jpeg"}


def is_part(name: str) -> bool:
    """A piece of a segment: short-lived, for the live lists alone."""
    return _PART.search(name) is not None


def is_thumbnail(name: str) -> bool:
    """A picture, which the next one replaces."""
    return name.endswith(".jpg")


def content_type(name: str) -> str:
    """The media type that its ending stands for."""
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def cache_control(name: str) -> str:
    """How long anybody may keep it."""
    return REPLACED if is_thumbnail(name) else IMMUTABLE


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3, or what speaks its language; what is empty is found as the AWS tools find it."""

    endpoint: str = ""
    """`https://…` or `http://…`, without the bucket; empty: Amazon's own for the region."""
    region: str = ""
    key_id: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """By the names that the AWS tools read; `parse_endpoint` judges the endpoint."""
        return cls(
            endpoint=env.get("AWS_ENDPOINT_URL", "").rstrip("/"),
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION", ""),
            key_id=env.get("AWS_ACCESS_KEY_ID", ""),
            secret_key=env.get("AWS_SECRET_ACCESS_KEY", ""),
            session_token=env.get("AWS_SESSION_TOKEN", ""),
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """A store on a disk."""

    path: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A store behind S3's protocol."""

    name: str
    prefix: str
    """Of every object's key; no slash at either end."""


def parse_place(url: str) -> Folder | Bucket:
    """Where a store's URL points.

    Raises:
        ValueError: neither `file:///folder` nor `s3://bucket[/prefix]`.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("a store's URL has no user, query or fragment: credentials come by AWS_* variables")
    path = unquote(parts.path)
    if ".." in path.split("/"):
        raise ValueError("a store's path doesn't climb")
    match parts.scheme:
        case "file":
            if parts.netloc or not path.strip("/"):
                raise ValueError("expected file:///folder, an absolute path")
            return Folder(path.rstrip("/"))
        case "s3":
            if not _BUCKET.fullmatch(parts.netloc):
                raise ValueError("expected s3://bucket/prefix with a bucket's name of 3 to 63 of a-z 0-9 . -")
            prefix = path.strip("/")
            if "" in prefix.split("/")[1:]:
                raise ValueError("a store's prefix has no empty folder")
            return Bucket(parts.netloc, prefix)
        case _:
            raise ValueError("expected file:///folder or s3://bucket/prefix")


def parse_endpoint(url: str) -> str:
    """An S3 endpoint's address without a slash at its end.

    Raises:
        ValueError: not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected https://host or http://host:port")
    return url.rstrip("/")


def live_folder(setting: str, store_url: str) -> Path | None:
    """The folder that workers write to and the edge reads: the one that was set, else the store's own.

    `none`: this worker's disk is not the edge's, everything goes to the store before it is listed.
    """
    if setting == "none":
        return None
    if setting:
        return Path(setting).absolute()
    try:
        place = parse_place(store_url)
    except ValueError:  # whoever reads the store's own setting says so
        return None
    return Path(place.path) if isinstance(place, Folder) else Path("var/live").absolute()
