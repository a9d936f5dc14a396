"""Is this ready to run: each thing the bot needs, tried."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.lacking import lacking, no_documents
from config.settings import Settings
from retrieval.errors import FolderError
from retrieval.library import Library

_PATIENCE = 10.0
_NOT_A_TOKEN = {401, 404}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is ready (None: that does not matter to it), and one line about it."""

    what: str
    ok: bool | None
    told: str


def examine(settings: Settings, folder: Path) -> Iterator[Finding]:
    """Look at one thing after another; this waits for Telegram and reads the documents."""
    wrong = lacking(settings)
    yield Finding("token", ok=False, told=wrong["token"]) if "token" in wrong else _token(settings)
    if "webhook" in wrong:
        yield Finding("webhook", ok=False, told=wrong["webhook"])
    yield from _documents(settings, folder)
    yield from _folders(settings)
    if "backend" in wrong:
        yield Finding("backend", ok=False, told=wrong["backend"])
    else:
        yield Finding("backend", ok=True, told="embedded: the index is on this machine")


def _folders(settings: Settings) -> Iterator[Finding]:
    """Name the folders that cannot be written to."""
    named = {"INDEX_DIR": settings.index_dir, "FEEDBACK_DIR": settings.feedback_dir}
    for name, folder in named.items():
        if folder is None:
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            told = f"{name}={folder}: cannot be written to ({error.strerror}); name another folder"
            yield Finding("folder", ok=False, told=told)


def _token(settings: Settings) -> Finding:
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    suffix = "/test" if settings.telegram_test_environment else ""
    api = settings.telegram_api_url
    try:
        response = httpx.get(f"{api}/bot{token}{suffix}/getMe", timeout=_PATIENCE)
        name = response.json()["result"]["username"] if response.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, LookupError) as error:
        return Finding("token", ok=False, told=f"no answer as Telegram gives it at {api} ({_kind(error)})")
    if name is not None:
        return Finding("token", ok=True, told=f"the bot is @{name}")
    if response.status_code in _NOT_A_TOKEN:
        told = f"{api} does not know TELEGRAM_TOKEN: check it with @BotFather"
        return Finding("token", ok=False, told=f"{told}, and TELEGRAM_TEST_ENVIRONMENT")
    return Finding(
        "token", ok=False, told=f"{api} refuses for now (status {response.status_code}): try again"
    )


def _kind(error: Exception) -> str:
    return type(error).__name__


def _documents(settings: Settings, folder: Path) -> Iterator[Finding]:
    try:
        library = Library.open(folder, index_dir=settings.index_dir, quote_chars=settings.quote_chars)
    except FolderError as error:
        yield Finding("documents", ok=False, told=str(error))
        return
    if library.sources:
        yield Finding("documents", ok=True, told=f"{len(library.sources)} in {folder}")
    else:
        yield Finding("documents", ok=False, told=no_documents(folder))
    for problem in library.problems:
        yield Finding("left out", ok=None, told=f"{problem.name}: {problem.reason}")
    languages = f" ({', '.join(library.languages)})" if library.languages else ""
    yield Finding("index", ok=True, told=f"passages: {library.passages}{languages}")
