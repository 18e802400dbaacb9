"""Addresses of the chat's Redis."""

import pytest

from chat.endpoints import Deployment, Endpoint, Tls, parse_deployment


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("redis://", Endpoint()),
        ("redis://h", Endpoint("h")),
        ("redis://h:7000/3", Endpoint("h", 7000, database=3)),
        ("redis://h?db=4", Endpoint("h", database=4)),
        ("redis://[::1]:7000", Endpoint("::1", 7000)),
        ("redis://:p%40ss@h", Endpoint("h", password="p@ss")),
        ("redis://bob:pw@h/1", Endpoint("h", username="bob", password="pw", database=1)),
        ("unix:///run/redis%20a.sock?db=2", Endpoint(path="/run/redis a.sock", database=2)),
        ("unix://:pw@/run/r.sock", Endpoint(path="/run/r.sock", password="pw")),
        ("rediss://h", Endpoint("h", tls=Tls())),
        (
            "rediss://h?ssl_ca_certs=ca.pem&ssl_certfile=c.pem&ssl_keyfile=k.pem&ssl_check_hostname=false",
            Endpoint("h", tls=Tls("ca.pem", "c.pem", "k.pem", is_name_checked=False)),
        ),
        ("rediss://h?ssl_cert_reqs=none", Endpoint("h", tls=Tls(is_verified=False))),
    ],
)
def test_one_server(url: str, endpoint: Endpoint) -> None:
    """As redis-py reads them."""
    assert parse_deployment(url) == Deployment((endpoint,))


def test_a_cluster_names_its_seeds() -> None:
    """Each with the same user and password; nodes it tells of later are signed in to alike."""
    deployment = parse_deployment("redis+cluster://u:p@a:7000,b")
    assert deployment.is_cluster
    assert [(node.host, node.port, node.username, node.password) for node in deployment.seeds] == [
        ("a", 7000, "u", "p"),
        ("b", 6379, "u", "p"),
    ]
    assert deployment.seeds[0].at("c", 1) == Endpoint("c", 1, username="u", password="p")
    assert deployment.seeds[0].at("", 7009).host == "a"
    assert parse_deployment("rediss+cluster://a").seeds[0].tls == Tls()


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "h:6379",
        "redis://h:port",
        "redis://a,b",
        "redis://h/x",
        "redis://h?colour=red",
        "redis://h?db",
        "redis+cluster://a/1",
        "redis+cluster://:7000",
    ],
)
def test_what_is_no_address(url: str) -> None:
    """A start fails with a sentence, not with a connection somewhere."""
    with pytest.raises(ValueError, match=r"."):
        parse_deployment(url)


def test_logs_say_where_without_the_password() -> None:
    """Neither its name nor its repr tells it."""
    endpoint = parse_deployment("redis://u:secret@h:7000").seeds[0]
    assert endpoint.name == "h:7000"
    assert "secret" not in repr(endpoint)
    assert parse_deployment("unix:///run/r.sock").seeds[0].name == "/run/r.sock"
