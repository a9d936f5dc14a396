from pathlib import Path

import pytest

from retrieval.opensearch.client import ConnectionSettings, Node


def header(user: str) -> str:
    return {"us:pa:ss": "Basic dXM6cGE6c3M=", "o:p": "Basic bzpw"}[user]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("http://one:9200", [Node("http://one:9200")]),
        ("https://one/", [Node("https://one:443")]),
        (" http://one:9200 , http://[::1]:9201/os,", [Node("http://one:9200"), Node("http://[::1]:9201/os")]),
        (
            "https://us:pa%3Ass@one:9200,https://two:9200,https://o:p@three:9200",
            [
                Node("https://one:9200", header("us:pa:ss")),
                Node("https://two:9200", header("us:pa:ss")),
                Node("https://three:9200", header("o:p")),
            ],
        ),
    ],
)
def test_addresses(addresses: str, expected: list[Node]) -> None:
    """Addresses are taken apart, and a user goes for those that name none."""
    assert expected == list(ConnectionSettings.of(addresses).nodes)


def test_key() -> None:
    """A key goes before users."""
    assert [Node("http://one:9200", "ApiKey abc")] == list(
        ConnectionSettings.of("http://u:p@one:9200", api_key="abc").nodes
    )


@pytest.mark.parametrize(
    "addresses",
    [
        "",
        " , ",
        "one:9200",
        "ftp://us:secret@one",
        "http://us:secret@",
        "http://us:secret@one:port",
        "http://x?secret",
    ],
)
def test_no_addresses(addresses: str) -> None:
    """What is no address is refused in one line that tells no secret."""
    with pytest.raises(ValueError, match=r"address of a cluster") as caught:
        ConnectionSettings.of(addresses)
    assert "secret" not in str(caught.value)


def test_nothing_secret_is_shown() -> None:
    """Neither user nor password nor key is in what is printed of an access."""
    shown = repr(ConnectionSettings.of("https://user:secret@one", api_key="key")) + repr(
        ConnectionSettings.of("https://user:secret@one")
    )
    assert [] == [word for word in ("user", "secret", "key", "Basic", "dXNlc") if word in shown]


def test_certificates(tmp_path: Path) -> None:
    """A file of certificates that is missing, or none, is named."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    for name, told in [("none.pem", "No such file"), ("ca.pem", "no certificates in it")]:
        with pytest.raises(ValueError, match=told) as caught:
            ConnectionSettings.of("https://one", ca_file=tmp_path / name).trust()
        assert name in str(caught.value)
    assert ConnectionSettings.of("https://one").trust() is True
