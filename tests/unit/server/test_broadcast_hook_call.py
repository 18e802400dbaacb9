"""server.broadcasts.hook_call: nginx's own words are taken, the encoder's tail is not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.broadcast import Session
from server.broadcasts.hook_call import BODY_MAX_BYTES, HookCall, parse_hook_call

CAPTURED = (
    b"app=live&flashver=FMLE/3.0%20(compatible%3B%20Lavf63.1.&swfurl=&tcurl=rtmp://127.0.0.1:21935/live&pageurl="
    b"&addr=127.0.0.1&clientid=1&call=publish&name=lk_secret&type=live"
)


def test_reads_what_nginx_sent() -> None:
    """A body captured from nginx-rtmp 1.2.2."""
    assert parse_hook_call(CAPTURED) == HookCall("publish", "live", "lk_secret", Session("1", "127.0.0.1"))


def test_the_encoders_arguments_change_nothing() -> None:
    """`?name=…&addr=…&clientid=…` of a hostile encoder comes behind nginx's own fields and is passed over."""
    hostile = CAPTURED + b"&name=other&addr=10.0.0.9&clientid=7&call=publish_done&app=x&&&=&%&a" + b"&b=c" * 100
    assert parse_hook_call(hostile) == parse_hook_call(CAPTURED)


def test_an_escaped_name_is_taken_as_typed() -> None:
    """What nginx escaped is unescaped once; a plus stays a plus."""
    call = parse_hook_call(CAPTURED.replace(b"lk_secret", b"a%26b%2541+%FF"))
    assert call is not None
    assert call.name == "a&b%41+\udcff"


def test_an_empty_name_is_a_name() -> None:
    """An encoder without a key reaches the same look-up as one with a wrong key."""
    call = parse_hook_call(CAPTURED.replace(b"lk_secret", b""))
    assert call is not None
    assert call.name == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"name=lk_secret",
        CAPTURED.replace(b"clientid=1", b"clientid="),
        CAPTURED.replace(b"clientid=1", b"clientid=-1"),
        CAPTURED.replace(b"clientid=1", b"clientid=" + b"1" * 21),
        CAPTURED.replace(b"clientid=1", "clientid=²".encode()),
        CAPTURED.replace(b"addr=127.0.0.1", b"addr=localhost"),
        CAPTURED.replace(b"lk_secret", b"k" * 257),
        CAPTURED.replace(b"app=live", b"app=" + b"a" * 300),
        CAPTURED.replace(b"call=publish", b"call=" + b"p" * 300),
        CAPTURED.replace(b"addr=127.0.0.1", b"addr=" + b"1" * 300),
        CAPTURED.replace(b"lk_secret", b"k" * 10_000),
        b"&" * 100 + CAPTURED,
        CAPTURED + b"x" * BODY_MAX_BYTES,
    ],
)
def test_what_nginx_does_not_send_is_no_call(body: bytes) -> None:
    """Too long, incomplete, or not from nginx: None, never an exception."""
    assert parse_hook_call(body) is None


@given(st.binary(max_size=BODY_MAX_BYTES + 10))
def test_never_raises(body: bytes) -> None:
    """Any bytes are a call or none."""
    parse_hook_call(body)


@given(st.binary(max_size=100))
def test_no_appended_argument_changes_the_call(argument: bytes) -> None:
    """Whatever an encoder appends, the call is the same, but for the wish for a test."""
    call, plain = parse_hook_call(CAPTURED + b"&" + argument), parse_hook_call(CAPTURED)
    assert call is not None
    assert replace(call, is_test=False) == plain


@pytest.mark.parametrize(("argument", "is_test"), [(b"test=1", True), (b"test=true&test=0", True), (b"test=0", False)])
def test_an_encoder_may_ask_for_a_test(argument: bytes, is_test: bool) -> None:  # noqa: FBT001  # a table's column
    """`?test=1` behind the key: a broadcast that nobody sees."""
    call = parse_hook_call(CAPTURED + b"&" + argument)
    assert call is not None
    assert call.is_test is is_test
