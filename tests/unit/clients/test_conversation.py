"""What the scripted conversations leave out: greetings, limits, the end."""

from clients.conversation import (
    BAD_TOKEN,
    GREETINGS_MAX,
    SETUP_SECONDS,
    TRIES_MAX,
    Answer,
    Close,
    Conversation,
    Effect,
    Frame,
    Greet,
    Open,
    Show,
    Stop,
    Transmit,
    may_come_back,
)

NOW = 1000.0
WELCOME: Frame = {"t": "welcome", "id": 1, "session": "s"}


def joined_conversation() -> Conversation:
    """One link, joined at (e1, 2)."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    talk.opened(1)
    talk.greet(1, "token")
    talk.received(1, WELCOME, NOW)
    talk.received(1, {"t": "joined", "id": 2, "room": "12", "epoch": "e1", "offset": 2, "events": []}, NOW)
    return talk


def sent(effects: list[Effect]) -> list[Frame]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]


def test_hello_carries_the_token_and_is_repeated_before_it_ends() -> None:
    """A token that lasts 600 s is renewed on the same socket; joining happens once."""
    talk = Conversation("12", "test", lambda: 0.0)
    assert talk.start(NOW) == [Open(1)]
    assert talk.opened(1) == [Greet(1)]
    assert sent(talk.greet(1, "token")) == [{"t": "hello", "id": 1, "client": "test", "token": "token"}]
    welcome = {**WELCOME, "expires_in_seconds": 600}
    assert [frame["t"] for frame in sent(talk.received(1, welcome, NOW))] == ["join"]
    talk.received(1, {"t": "joined", "id": 2, "room": "12", "epoch": "e1", "offset": 2, "events": []}, NOW)
    assert talk.due_at() == NOW + 570
    assert talk.tick(NOW + 570) == [Greet(1)]
    assert sent(talk.received(1, welcome, NOW + 570)) == []


def test_an_expired_token_is_fetched_anew_and_then_we_are_a_guest() -> None:
    """So many refusals in a row; the next hello has no token."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    for number in range(1, GREETINGS_MAX + 1):
        assert "token" in sent(talk.greet(1, "old"))[0]
        assert talk.received(1, {"t": "error", "id": number, "code": "token_expired"}, NOW) == [Greet(1)]
    assert "token" not in sent(talk.greet(1, "old"))[0]


def test_a_reconnect_shows_the_ticket_and_the_token_where_that_is_over() -> None:
    """The last welcome's ticket needs no token; refused, it is forgotten and the token asked for."""
    talk = joined_conversation()
    talk.received(1, {**WELCOME, "ticket": "t1"}, NOW)
    talk.closed(1, 1006, "", NOW)
    assert talk.tick(NOW + 20) == [Open(2)]
    (hello,) = sent(talk.opened(2))
    assert (hello["t"], hello["ticket"], "token" in hello) == ("hello", "t1", False)
    assert talk.received(2, {"t": "error", "id": hello["id"], "code": "token_expired"}, NOW + 20) == [Greet(2)]
    assert "ticket" not in sent(talk.greet(2, "token"))[0]
    talk.closed(2, 1006, "", NOW + 21)
    talk.tick(NOW + 40)
    assert talk.opened(3) == [Greet(3)]


def test_a_ticket_whose_session_ended_is_no_reason_to_stay_away() -> None:
    """The token may be of another session; when that is refused too, it is over."""
    talk = joined_conversation()
    talk.received(1, {**WELCOME, "ticket": "t1"}, NOW)
    talk.closed(1, 1006, "", NOW)
    talk.tick(NOW + 20)
    talk.opened(2)
    assert not any(isinstance(effect, Stop) for effect in talk.closed(2, BAD_TOKEN, "", NOW + 20))
    talk.tick(NOW + 40)
    assert talk.opened(3) == [Greet(3)]
    assert any(isinstance(effect, Stop) for effect in talk.closed(3, BAD_TOKEN, "", NOW + 40))


def test_a_hello_that_nobody_can_judge_now_is_repeated() -> None:
    """The server's database is away, or our own source of tokens."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    talk.greet(1, "token")
    assert talk.received(1, {"t": "error", "id": 1, "code": "unavailable", "retry_after_ms": 2000}, NOW) == []
    assert talk.tick(NOW + 2) == [Greet(1)]
    talk.greet_later(1, NOW + 2)
    assert talk.tick(NOW + 3) == [Greet(1)]
    talk.greet_later(9, NOW)


def test_a_socket_that_never_joins_is_given_up() -> None:
    """After ten seconds another is opened."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    effects = talk.tick(NOW + SETUP_SECONDS)
    assert effects[0] == Close(1)
    assert talk.tick(NOW + SETUP_SECONDS + 10) == [Open(2)]


def test_pauses_grow_and_start_anew_after_a_steady_link() -> None:
    """A quarter of 0.5 s, 1 s, 2 s … with the smallest chance."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    now, pauses = NOW, []
    for link in range(1, 5):
        [shown] = talk.closed(link, 1006, "", now)
        assert isinstance(shown, Show)
        pauses.append(shown.frame["retry_seconds"])
        now += 10
        talk.tick(now)
    assert pauses == [0.125, 0.25, 0.5, 1.0]
    steady = joined_conversation()
    steady.closed(1, 1006, "", NOW + 60)
    assert steady.due_at() == NOW + 60.125


def test_a_room_that_does_not_exist_ends_it() -> None:
    """So does a close code that means stay away; what was said comes back, and what is said later too."""
    talk = Conversation("12", "test", lambda: 0.0)
    talk.start(NOW)
    talk.greet(1, None)
    talk.received(1, WELCOME, NOW)
    talk.say("n-1", "hi", NOW)
    effects = talk.received(1, {"t": "error", "id": 2, "code": "no_room", "message": "There is no such room."}, NOW)
    assert effects[0] == Close(1)
    assert isinstance(effects[1], Answer)
    assert effects[2] == Stop(1008, "There is no such room.")
    [answer] = talk.say("n-2", "hi", NOW)
    assert isinstance(answer, Answer)
    assert (answer.frame["code"], talk.waiting, talk.due_at()) == ("closed", 0, None)
    assert [may_come_back(code) for code in (1000, 1006, 1013, 4000, 4499)] == [True] * 5
    assert [may_come_back(code) for code in (1002, 1008, 1010, 4500, 4999)] == [False] * 5


def test_a_refusal_goes_to_its_author_at_last() -> None:
    """`unavailable` is repeated a few times; what is refused for another reason is not."""
    talk = joined_conversation()
    talk.say("n-1", "hi", NOW)
    refused = {"t": "error", "id": 3, "nonce": "n-1", "code": "unavailable", "retry_after_ms": 1000}
    now = NOW
    for _ in range(TRIES_MAX - 1):
        assert talk.received(1, refused, now) == []
        now += 60
        assert [frame["nonce"] for frame in sent(talk.tick(now))] == ["n-1"]
    assert talk.received(1, refused, now) == [Answer("n-1", refused), Show(refused)]
    talk.say("n-2", "hi", now)
    slow = {"t": "error", "id": 9, "nonce": "n-2", "code": "slow_mode", "retry_after_ms": 1000}
    assert talk.received(1, slow, now) == [Answer("n-2", slow), Show(slow)]


def test_a_burst_of_repeats_that_went_too_fast_is_slowed() -> None:
    """The first refusal for speed is the author's to see; one of a repeat is not."""
    talk = joined_conversation()
    talk.say("n-1", "hi", NOW)
    talk.closed(1, 1006, "", NOW)
    talk.tick(NOW + 1)
    recovered = {"t": "joined", "id": 2, "room": "12", "epoch": "e1", "offset": 2, "events": [], "recovered": True}
    assert [frame["nonce"] for frame in sent(talk.received(2, recovered, NOW + 1))] == ["n-1"]
    limited = {"t": "error", "id": 9, "nonce": "n-1", "code": "rate_limited", "retry_after_ms": 5000}
    assert talk.received(2, limited, NOW + 1) == []
    assert talk.due_at() == NOW + 6


def test_what_nobody_waits_for_is_never_said_again() -> None:
    """A caller that gave up takes its line along."""
    talk = joined_conversation()
    talk.say("n-1", "hi", NOW)
    talk.forget("n-1")
    assert talk.waiting == 0


def test_what_comes_from_a_socket_that_is_left_is_nothing() -> None:
    """Whatever it was; and frames of the next link count only from its `joined` on."""
    talk = joined_conversation()
    assert talk.opened(9) == talk.greet(9, None) == talk.closed(9, 1006, "", NOW) == []
    assert talk.received(9, {"t": "info", "room": "12"}, NOW) == []
    talk.received(1, {"t": "reconnect", "after_ms": 0}, NOW)
    assert talk.tick(NOW) == [Open(2)]
    assert talk.received(2, {"t": "info", "room": "12"}, NOW) == []
    assert talk.received(1, {"t": "reconnect", "after_ms": 0}, NOW) == [Close(2)]
