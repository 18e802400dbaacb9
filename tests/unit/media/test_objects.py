from pathlib import Path

import pytest

from media.objects import (
    IMMUTABLE,
    NAME,
    REPLACED,
    Bucket,
    Folder,
    S3Access,
    cache_control,
    content_type,
    is_part,
    is_thumbnail,
    live_folder,
    parse_endpoint,
    parse_place,
)
from media.window import init_name, part_name, segment_name


def test_a_name_says_what_the_object_is() -> None:
    """Parts are told from segments and init sections by the names that `media.window` gives."""
    assert is_part(f"b1/v1/{part_name(1_800_000_000, 12)}")
    for file in (segment_name(1_800_000_000, 12), init_name(1_800_000_000, 1), "thumbnail.jpg"):
        assert not is_part(f"b1/p-p1/{file}")
    assert is_thumbnail("b1/thumbnail.jpg")
    assert not is_thumbnail("b1/v1/1-0.m4s")


def test_every_name_of_ours_fits_the_pattern_and_nothing_that_climbs_does() -> None:
    """The pattern is what the doors compare with before they ask a store."""
    for name in ("b1/thumbnail.jpg", f"b1/v1/{part_name(1, 2)}", f"b1/audio/{init_name(1, 2)}"):
        found = NAME.fullmatch(name)
        assert found is not None
        assert found["public_id"] == "b1"
    for name in ("b1/../x.m4s", "b1//x.m4s", ".uploads/b1/v1/1-0.m4s", "b1/v1/x/1-0.m4s", "b1/v1/1-0.txt", "b" * 65):
        assert NAME.fullmatch(name) is None, name


def test_objects_carry_their_type_and_how_long_they_may_be_kept() -> None:
    """Names are used once, but for the thumbnail's; an unknown ending is bytes."""
    assert content_type("b1/v1/1-0.m4s") == "video/iso.segment"
    assert content_type("b1/v1/1-1-init.mp4") == "video/mp4"
    assert content_type("b1/thumbnail.jpg") == "image/jpeg"
    assert content_type("b1/x") == "application/octet-stream"
    assert cache_control("b1/v1/1-0.m4s") == IMMUTABLE
    assert cache_control("b1/thumbnail.jpg") == REPLACED


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///srv/media", Folder("/srv/media")),
        ("file:///srv/a%20folder/", Folder("/srv/a folder")),
        ("s3://leams", Bucket("leams", "")),
        ("s3://leams.eu-1/site/one/", Bucket("leams.eu-1", "site/one")),
    ],
)
def test_a_url_is_a_place(url: str, place: Folder | Bucket) -> None:
    """A folder, or a bucket with a prefix."""
    assert parse_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "media", "/srv/media", "file://host/srv", "file:///", "file:///a/../../etc", "memory:///", "https://b"),
        *("s3://", "s3://UPPER/x", "s3://ab", "s3://key:secret@bucket/x", "s3://bucket?region=x", "s3://bucket/a//b"),
    ],
)
def test_a_bad_url_is_told(url: str) -> None:
    """What is wrong is said, and never with a password in it."""
    with pytest.raises(ValueError, match=r"store|file:|s3:") as error:
        parse_place(url)
    assert "secret" not in str(error.value)


def test_an_endpoint_is_an_http_address() -> None:
    """Its trailing slash goes."""
    assert parse_endpoint("http://127.0.0.1:9000/") == "http://127.0.0.1:9000"
    for url in ("127.0.0.1:9000", "ftp://host", "https://", "https://host?x=1"):
        with pytest.raises(ValueError, match="https"):
            parse_endpoint(url)


def test_credentials_come_by_the_names_of_the_aws_tools() -> None:
    """They don't show when the settings are printed."""
    env = {
        "AWS_ENDPOINT_URL": "http://minio:9000/",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "hidden",
    }
    access = S3Access.from_env(env)
    assert access == S3Access("http://minio:9000", "eu-west-1", "id", "hidden", "hidden")
    assert "hidden" not in repr(access)
    assert S3Access.from_env({**env, "AWS_REGION": "eu-north-1"}).region == "eu-north-1"
    assert S3Access.from_env({}) == S3Access()


def test_live_media_have_a_folder() -> None:
    """The one that was set, the store's own, or one beside a store that is far; `none`: no folder at all."""
    assert live_folder("/fast/live", "file:///srv/media") == Path("/fast/live")
    assert live_folder("", "file:///srv/media") == Path("/srv/media")
    assert live_folder("", "s3://leams") == Path("var/live").absolute()
    assert live_folder("none", "s3://leams") is None
    assert live_folder("", "nonsense") is None, "the store's own setting is the fault that is told"
