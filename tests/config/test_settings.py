import re
from pathlib import Path

import pytest

from config import ConfigError
from config.logging import Redactor
from config.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def _error(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        Settings.read()
    return str(raised.value)


def test_defaults() -> None:
    """Without any environment the settings have the documented defaults."""
    settings = Settings.read()
    assert "https://api.telegram.org" == settings.telegram_api_url
    assert (None, frozenset(), 30) == (
        settings.telegram_token,
        settings.telegram_allowed_chats,
        settings.telegram_messages_per_second,
    )
    assert (Path("seeds"), 300, "INFO", "text", None) == (
        settings.seeds_dir,
        settings.quote_chars,
        settings.log_level,
        settings.log_format,
        settings.port,
    )
    assert ("verbatim", "auto") == (settings.index_dir.name, settings.meaning)


@pytest.mark.parametrize("given", ["1,-2", "[1, -2]", " 1 , -2 ", "1 -2", "[-2,1,1]"])
def test_ids_are_json_or_commas(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Ids may be a JSON list, or separated by commas or spaces."""
    monkeypatch.setenv("TELEGRAM_ALLOWED_CHATS", given)
    assert frozenset({1, -2}) == Settings.read().telegram_allowed_chats


@pytest.mark.parametrize(("given", "expected"), [("off", "off"), ("OFF", "off"), (" Auto ", "auto")])
def test_whether_meanings_are_compared(monkeypatch: pytest.MonkeyPatch, given: str, expected: str) -> None:
    """MEANING may be written in any case."""
    monkeypatch.setenv("MEANING", given)
    assert expected == Settings.read().meaning


def test_a_single_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single number is a list of one id."""
    monkeypatch.setenv("TELEGRAM_ADMINS", "7")
    assert frozenset({7}) == Settings.read().telegram_admins


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_empty_is_unset(monkeypatch: pytest.MonkeyPatch, name: str, blank: str) -> None:
    """An empty value counts as unset, for every setting."""
    expected = getattr(Settings.read(), name)
    monkeypatch.setenv(name.upper(), blank)
    assert expected == getattr(Settings.read(), name)


def test_the_env_file_may_have_other_keys(tmp_path: Path) -> None:
    """`.env` is read, and unknown keys in it are ignored."""
    (tmp_path / ".env").write_text("QUOTE_CHARS=120\nSOMETHING_ELSE=1\n", encoding="utf-8")
    assert 120 == Settings.read().quote_chars


def test_the_environment_takes_precedence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment takes precedence over `.env`."""
    (tmp_path / ".env").write_text("QUOTE_CHARS=120\n", encoding="utf-8")
    monkeypatch.setenv("QUOTE_CHARS", "200")
    assert 200 == Settings.read().quote_chars


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("QUOTE_CHARS", "abc", "QUOTE_CHARS=abc: expected a whole number"),
        ("QUOTE_CHARS", "20", "QUOTE_CHARS=20: expected a number of at least 50"),
        ("PORT", "70000", "PORT=70000: expected a number of at most 65535"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT=xml: expected 'text' or 'json'"),
        ("MEANING", "on", "MEANING=on: expected 'auto' or 'off'"),
        ("TELEGRAM_ADMINS", "a,2", "TELEGRAM_ADMINS=a: expected a whole number"),
        ("TELEGRAM_TEST_ENVIRONMENT", "perhaps", "TELEGRAM_TEST_ENVIRONMENT=perhaps: expected true or false"),
        (
            "TELEGRAM_API_URL",
            "telegram",
            "TELEGRAM_API_URL=telegram: expected an address that begins with http:// or https://",
        ),
        ("OPENSEARCH_CA", "none.pem", "OPENSEARCH_CA=none.pem: there is no such file"),
        (
            "OPENSEARCH_INDEX",
            "_All",
            "OPENSEARCH_INDEX=_All: expected up to 100 of a-z 0-9 . _ -, and first a letter or a digit",
        ),
        ("OPENSEARCH_SHARDS", "0", "OPENSEARCH_SHARDS=0: expected a number of at least 1"),
        ("OPENSEARCH_REPLICAS", "-1", "OPENSEARCH_REPLICAS=-1: expected a number of at least 0"),
    ],
)
def test_a_bad_value_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    """An error names the key, the value and what is expected, in one line."""
    assert expected == _error(monkeypatch, name, value)


@pytest.mark.parametrize("name", ["TELEGRAM_TOKEN", "WEBHOOK_SECRET", "OPENSEARCH_URL", "OPENSEARCH_API_KEY"])
def test_an_error_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The error of an invalid secret names the setting, but not the value."""
    message = _error(monkeypatch, name, "s3cr3t / %%%")
    assert message.startswith(f"{name} is not usable: expected")
    assert "s3cr3t" not in message


def test_a_long_value_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long value is shortened in the error."""
    assert len(_error(monkeypatch, "PORT", "9" * 3000)) < 200


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """A `.env` that is not UTF-8 is an error of one line."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00QUOTE_CHARS=1")
    with pytest.raises(ConfigError, match=r"^\.env is not UTF-8 text"):
        Settings.read()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither str nor repr of the settings contains a secret."""
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:s3cr3t")
    settings = Settings.read()
    assert "s3cr3t" not in f"{settings} {settings!r}"
    assert ("123:s3cr3t", settings.webhook_key) == settings.secrets
    assert settings.webhook_key not in f"{settings} {settings!r}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://one:9200", ("http://one:9200",)),
        ("https://one/, https://a:b@two:9201", ("https://one", "https://a:b@two:9201")),
        ("http://[::1]:9200,http://two", ("http://[::1]:9200", "http://two")),
    ],
)
def test_the_nodes_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: tuple[str, ...]
) -> None:
    """A cluster is the address of a node, or several separated by commas."""
    assert () == Settings.read().opensearch_nodes
    monkeypatch.setenv("OPENSEARCH_URL", given)
    assert expected == Settings.read().opensearch_nodes


@pytest.mark.parametrize(
    "given", [",", "http://one,two", "http://one:0", "http://one:99999", "http://one/?x"]
)
def test_invalid_node_addresses(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """An invalid node address is rejected without being shown."""
    assert _error(monkeypatch, "OPENSEARCH_URL", given).startswith("OPENSEARCH_URL is not usable: expected ")


def test_the_keys_of_a_cluster_are_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user, password and key of a cluster are redacted in logs; its addresses are not."""
    monkeypatch.setenv("OPENSEARCH_URL", "https://ann:p%40ssword-1@one:9200,https://two:9200")
    monkeypatch.setenv("OPENSEARCH_API_KEY", "a2V5OnNlY3JldA==")
    redact = Redactor(Settings.read().secrets)
    assert "https://[secret]@one:9200 https://two:9200" == redact(
        "https://ann:p%40ssword-1@one:9200 https://two:9200"
    )
    assert "[secret] [secret] [secret]" == redact("p%40ssword-1 p@ssword-1 a2V5OnNlY3JldA==")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("0.0.0.0", "0.0.0.0"), (" ::1 ", "::1"), ("", None), ("2001:DB8::0", "2001:db8::")],
)
def test_the_address_to_serve_on(monkeypatch: pytest.MonkeyPatch, given: str, expected: str | None) -> None:
    """HTTP_HOST is an IP address of either kind; empty counts as unset."""
    monkeypatch.setenv("HTTP_HOST", given)
    assert expected == Settings.read().http_host


@pytest.mark.parametrize("given", ["localhost", "10.0.0", "http://10.0.0.1", "10.0.0.1:80", "[::1]"])
def test_the_address_to_serve_on_is_no_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """A name or an address with a port is an error that says what is expected."""
    message = f"HTTP_HOST={given}: expected an IP address, such as 0.0.0.0 or 127.0.0.1"
    assert message == _error(monkeypatch, "HTTP_HOST", given)


def test_the_example_describes_each_setting() -> None:
    """`.env.example` has all settings in order, each with its description from `Settings`."""
    described: dict[str, str] = {}
    for block in (ROOT / ".env.example").read_text(encoding="utf-8").split("\n\n"):
        comment = " ".join(line[2:] for line in block.splitlines() if line.startswith("# "))
        described |= dict.fromkeys(re.findall(r"^#?([A-Z_]+)=", block, re.MULTILINE), comment)
    expected = {name.upper(): field.description for name, field in Settings.model_fields.items()}
    assert list(expected.items()) == list(described.items())


def test_every_setting_is_described() -> None:
    """Each setting has a description that ends with a period."""
    assert all((field.description or "").endswith(".") for field in Settings.model_fields.values())


def test_the_webhook_key_is_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """If WEBHOOK_SECRET is set, it is the webhook key, whatever the token."""
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:abc")
    monkeypatch.setenv("WEBHOOK_SECRET", "my-secret")
    assert "my-secret" == Settings.read().webhook_key


def test_the_webhook_key_is_derived_from_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a secret, the key is the same for the same token, differs for others, and reveals no token."""
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:abc")
    key, same_key = Settings.read().webhook_key, Settings.read().webhook_key
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:abd")
    assert key == same_key
    assert key != Settings.read().webhook_key
    assert "abc" not in key
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", key)


@pytest.mark.parametrize("secret", ["", "my-secret"])
def test_the_webhook_key_is_in_no_log(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """The webhook key is redacted in logs, whether set or derived."""
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:abc")
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    settings = Settings.read()
    assert "It was [secret]" == Redactor(settings.secrets)(f"It was {settings.webhook_key}")
