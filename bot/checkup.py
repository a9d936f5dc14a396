"""Is this ready to run: each thing the bot needs, tried."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from config.settings import Settings
from retrieval.errors import FolderError
from retrieval.library import Library

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is ready, and one line about it."""

    what: str
    ok: bool
    told: str


def examine(settings: Settings, folder: Path) -> list[Finding]:
    return [_token(settings), *_documents(settings, folder), _backend(settings)]


def _token(settings: Settings) -> Finding:
    if settings.telegram_token is None:
        return Finding("token", ok=False, told="TELEGRAM_TOKEN is not set; get one from @BotFather")
    suffix = "/test" if settings.telegram_test_environment else ""
    address = f"{settings.telegram_api_url}/bot{settings.telegram_token.get_secret_value()}{suffix}/getMe"
    try:
        told = httpx.get(address, timeout=_PATIENCE).json()
        if told.get("ok"):
            return Finding("token", ok=True, told=f"the bot is @{told['result'].get('username')}")
    except (httpx.HTTPError, ValueError, AttributeError, KeyError) as error:
        return Finding(
            "token", ok=False, told=f"{settings.telegram_api_url} gives no answer ({type(error).__name__})"
        )
    return Finding(
        "token", ok=False, told="Telegram does not know TELEGRAM_TOKEN; copy it again from @BotFather"
    )


def _documents(settings: Settings, folder: Path) -> Iterator[Finding]:
    try:
        library = Library.open(folder, index_dir=settings.index_dir, quote_chars=settings.quote_chars)
    except FolderError as error:
        yield Finding("documents", ok=False, told=str(error))
        return
    if library.sources:
        yield Finding("documents", ok=True, told=f"{len(library.sources)} in {folder}")
    else:
        yield Finding("documents", ok=False, told=f"{folder} holds none that can be read; put some in")
    for problem in library.problems:
        yield Finding("document", ok=True, told=f"left out {problem.name}: {problem.reason}")
    yield Finding(
        "index", ok=True, told=f"{library.passages} passages, {', '.join(library.languages) or 'none'}"
    )


def _backend(settings: Settings) -> Finding:
    if settings.opensearch_url:
        return Finding(
            "backend", ok=False, told="OPENSEARCH_URL is set, but this version searches on this machine only"
        )
    return Finding("backend", ok=True, told="embedded: the index is on this machine")
