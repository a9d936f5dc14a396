"""HTTP client of an OpenSearch cluster: rotates through its nodes, retries on another, indexes in bulk."""

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from retrieval.errors import RetrievalError, UnavailableError

_log = logging.getLogger(__name__)


_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Node:
    """A node's URL, without user and password; `authorization` is the value of that request header."""

    url: str
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The nodes of a cluster; `ca_file` is a PEM CA bundle that verifies their certificates."""

    nodes: tuple[Node, ...]
    ca_file: Path | None = None

    @classmethod
    def from_addresses(
        cls, addresses: str, *, api_key: str | None = None, ca_file: Path | None = None
    ) -> Self:
        """Parse comma-separated addresses such as `https://user:password@host:9200`.

        Addresses without a user get the first user among the others. With an API key, users are ignored.
        Raises ValueError, whose message has no secret.
        """
        parts = [_parse_address(address.strip()) for address in addresses.split(",") if address.strip()]
        if not parts:
            raise ValueError("no address of a cluster")
        key = f"ApiKey {api_key}" if api_key else None
        users = [_basic_authorization(part) for part in parts]
        default_user = next(filter(None, users), None)
        nodes = [
            Node(_format_url(part), key or user or default_user)
            for part, user in zip(parts, users, strict=True)
        ]
        return cls(tuple(nodes), ca_file)

    def ssl_verification(self) -> ssl.SSLContext | bool:
        """Return the `verify` argument for httpx: a context, or True without a CA file.

        Raises ValueError for an unusable CA file.
        """
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            is_readable = isinstance(error, ssl.SSLError)
            reason = "no certificates in it" if is_readable else error.strerror
            raise ValueError(f"{self.ca_file}: not usable as a CA bundle ({reason})") from None


def _parse_address(address: str) -> SplitResult:
    try:
        part = urlsplit(address)
        is_valid = part.scheme in _DEFAULT_PORTS and bool(part.hostname) and part.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or part.query or part.fragment:
        raise ValueError(
            "the address of a cluster must be like https://host:9200 or https://user:password@host:9200"
        )
    return part


def _format_url(part: SplitResult) -> str:
    host = f"[{part.hostname}]" if ":" in (part.hostname or "") else part.hostname
    return f"{part.scheme}://{host}:{part.port or _DEFAULT_PORTS[part.scheme]}{part.path.rstrip('/')}"


def _basic_authorization(part: SplitResult) -> str | None:
    if part.username is None:
        return None
    pair = f"{unquote(part.username)}:{unquote(part.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


Body = Mapping[str, Any]

# Searches take milliseconds: after two seconds a node hangs, and another one is tried.
SEARCH_TIMEOUT = httpx.Timeout(2.0, connect=1.0)
WRITE_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
MERGE_TIMEOUT = httpx.Timeout(3600.0, connect=5.0)
# A failed node gets no requests for this time unless there is no other.
_NODE_COOLDOWN_SECONDS = 10.0
_RETRY_DELAY_SECONDS = 0.1
_MAX_NODE_CONNECTIONS = 32
_NODE_FAILURE_STATUSES = {500, 502, 503, 504}
_RETRYABLE_STATUSES = {HTTPStatus.TOO_MANY_REQUESTS, *_NODE_FAILURE_STATUSES}
_AUTH_FAILURE_STATUSES = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class RefusedError(RetrievalError):
    """The cluster rejected a request; `status` is the HTTP status, `kind` OpenSearch's error type."""

    def __init__(self, status: int, kind: str, reason: str, *, is_part: bool = False) -> None:
        """`is_part` marks the failure of one search of a multi-search."""
        super().__init__(f"OpenSearch refused ({status} {kind}): {reason}")
        self.status = status
        self.kind = kind
        self._is_part = is_part

    @property
    def is_missing(self) -> bool:
        """Whether the requested index or document does not exist (any more)."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        """Whether another request changed or created it first."""
        return self.status == HTTPStatus.CONFLICT or self.kind == "resource_already_exists_exception"

    @property
    def is_node_failure(self) -> bool:
        """Whether the node itself failed, rather than being busy or reporting the failure of another."""
        return self.status in _NODE_FAILURE_STATUSES and not self._is_part

    @property
    def is_retryable(self) -> bool:
        """Whether the request may succeed on another node or later."""
        return self.status in _RETRYABLE_STATUSES


class ClusterClient:
    """A connection to the nodes of a cluster. Use it in one event loop only, and `close` it at the end."""

    def __init__(
        self, settings: ConnectionSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` replaces the network in tests. Raises ValueError for an unusable CA file."""
        self._nodes = settings.nodes
        self._client = httpx.AsyncClient(
            verify=settings.ssl_verification(),
            transport=transport,
            timeout=SEARCH_TIMEOUT,
            limits=httpx.Limits(
                max_connections=_MAX_NODE_CONNECTIONS, max_keepalive_connections=_MAX_NODE_CONNECTIONS
            ),
            # Decompression takes longer than the transfer it saves.
            headers={"Accept-Encoding": "identity"},
            # Ignores the environment's proxies and .netrc.
            trust_env=False,
        )
        self._turn = 0
        self._excluded_until: dict[Node, float] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def addresses(self) -> str:
        """The addresses for messages, without users and passwords."""
        return ", ".join(node.url for node in self._nodes)

    async def get(self, path: str, body: Body | None = None, **params: str) -> Any:
        return await self.send("GET", path, body, params=params)

    async def search(self, index: str, body: Body, timeout: httpx.Timeout = SEARCH_TIMEOUT) -> Any:  # noqa: ASYNC109  # httpx' own
        """Search one index. The request fails if any of its shards does."""
        params = {"allow_partial_search_results": "false"}
        return await self.send("POST", f"/{index}/_search", body, params=params, timeout=timeout)

    async def multi_search(self, index: str, bodies: Sequence[Body]) -> list[Any]:
        """Run several searches in one request, scored with the statistics of all shards."""
        header = json.dumps(
            {"index": index, "search_type": "dfs_query_then_fetch", "allow_partial_search_results": False}
        )
        lines = [f"{header}\n{json.dumps(body, separators=(',', ':'))}\n" for body in bodies]
        params = {"max_concurrent_searches": str(max(len(bodies), 1))}
        response = await self.send("POST", "/_msearch", "".join(lines).encode(), params=params)
        return list(response["responses"])

    async def send(
        self,
        method: str,
        path: str,
        body: Body | bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = SEARCH_TIMEOUT,  # noqa: ASYNC109  # httpx' own
    ) -> Any:
        """Return a node's JSON response. The request must be safe to repeat.

        Raises RefusedError when other nodes would refuse as well, otherwise UnavailableError.
        """
        tried: list[Node] = []
        failure = ""
        tries = 2
        while tries:
            node = self._choose_node(tried)
            tried.append(node)
            tries -= 1
            try:
                return await self._request(node, method, path, body, params, timeout)
            except RefusedError as error:
                if not error.is_retryable:
                    raise
                failure = f"{node.url}: {error.status} {error.kind}"
                if error.is_node_failure:
                    self._exclude(node)
                if len(self._nodes) == 1 and tries:
                    await asyncio.sleep(_RETRY_DELAY_SECONDS)
            except (httpx.TransportError, ValueError) as error:
                failure = f"{node.url}: {type(error).__name__}"
                self._exclude(node)
                # A refused connection took no time, so it does not count as a try.
                if isinstance(error, httpx.ConnectError) and len(tried) < len(self._nodes):
                    tries = max(tries, 1)
        raise UnavailableError(
            f"OpenSearch does not answer ({failure}); check that it runs and that OPENSEARCH_URL is right"
        )

    def _choose_node(self, tried: Sequence[Node]) -> Node:
        """Return the next node in turn; one that was tried or has just failed only as a last resort."""
        now = monotonic()
        self._turn += 1
        order = [self._nodes[(self._turn + i) % len(self._nodes)] for i in range(len(self._nodes))]
        return min(
            order, key=lambda node: (node in tried, max(self._excluded_until.get(node, 0.0) - now, 0.0))
        )

    def _exclude(self, node: Node) -> None:
        if len(self._nodes) > 1 and self._excluded_until.get(node, 0.0) < monotonic():
            _log.warning(
                "OpenSearch: %s failed and gets no requests for %.0f s", node.url, _NODE_COOLDOWN_SECONDS
            )
        self._excluded_until[node] = monotonic() + _NODE_COOLDOWN_SECONDS

    async def _request(  # noqa: PLR0913, PLR0917
        self,
        node: Node,
        method: str,
        path: str,
        body: Body | bytes | None,
        params: Mapping[str, str] | None,
        timeout: httpx.Timeout,  # noqa: ASYNC109
    ) -> Any:
        is_json = not isinstance(body, bytes)
        headers = {"Content-Type": "application/json" if is_json else "application/x-ndjson"}
        if node.authorization:
            headers["Authorization"] = node.authorization
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        response = await self._client.request(
            method, node.url + path, content=content, params=params, headers=headers, timeout=timeout
        )
        result = _parse_json(response)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _build_error(response.status_code, result)
        for part in result.get("responses", ()) if isinstance(result, dict) else ():
            if part.get("status", 200) >= HTTPStatus.BAD_REQUEST:
                raise _build_error(part["status"], part, is_part=True)
        self._excluded_until.pop(node, None)
        return result


def _parse_json(response: httpx.Response) -> Any:
    """Return the body; {} for an error without JSON, as proxies send. Raises ValueError if it is cut off."""
    try:
        return json.loads(response.content) if response.content else {}
    except ValueError:
        if response.status_code < HTTPStatus.BAD_REQUEST:
            raise
        return {}


def _build_error(status: int, body: Any, *, is_part: bool = False) -> RetrievalError:
    error = body.get("error") if isinstance(body, dict) else None
    kind, reason = "", ""
    if isinstance(error, dict):
        kind, reason = str(error.get("type", "")), str(error.get("reason", ""))
    if status in _AUTH_FAILURE_STATUSES and kind != "cluster_block_exception":
        return UnavailableError(
            f"OpenSearch denied access ({status} {kind}); check the user and password, or the API key"
        )
    return RefusedError(status, kind or "error", reason or "no reason given", is_part=is_part)


# Two concurrent requests index 17,800 documents a second, one request 14,500.
MAX_CONCURRENT_BULK_REQUESTS = 2
_MAX_DOCUMENTS_PER_BULK_REQUEST = 2_000
_MAX_BYTES_PER_BULK_REQUEST = 5_000_000
_FIRST_BULK_DELAY_SECONDS = 0.5
_MAX_BULK_DELAY_SECONDS = 15.0
_MAX_BULK_RETRIES = 20


@dataclass(frozen=True, slots=True)
class BulkItem:
    """An OpenSearch document to index; `body` is one line of JSON."""

    id: str
    body: bytes

    def lines(self) -> bytes:
        return b'{"index":{"_id":"%s"}}\n%s\n' % (self.id.encode(), self.body)


async def bulk_write(cluster: ClusterClient, index: str, items: Sequence[BulkItem]) -> None:
    """Index documents; those with the same ids are replaced, so a write can be repeated.

    An overloaded cluster gets smaller requests after growing delays. Raises UnavailableError after 20 retries
    without success, and RefusedError for a document that the cluster cannot index.
    """
    pending = list(_split_into_bulk_requests(items))
    delay = _FIRST_BULK_DELAY_SECONDS
    retries = 0
    while pending:
        rejected = await _send_bulk_request(cluster, index, pending.pop(0))
        if not rejected:
            delay, retries = _FIRST_BULK_DELAY_SECONDS, 0
            continue
        retries += 1
        if retries > _MAX_BULK_RETRIES:
            raise UnavailableError(
                f"OpenSearch ({cluster.addresses}) takes no more documents; check its health"
            )
        half = (len(rejected) + 1) // 2
        pending[:0] = [part for part in (rejected[:half], rejected[half:]) if part]
        await asyncio.sleep(delay)
        delay = min(2 * delay, _MAX_BULK_DELAY_SECONDS)


def _split_into_bulk_requests(items: Sequence[BulkItem]) -> Iterator[list[BulkItem]]:
    request: list[BulkItem] = []
    size = 0
    for item in items:
        is_full = len(request) == _MAX_DOCUMENTS_PER_BULK_REQUEST
        if request and (is_full or size + len(item.body) > _MAX_BYTES_PER_BULK_REQUEST):
            yield request
            request, size = [], 0
        request.append(item)
        size += len(item.body)
    if request:
        yield request


async def _send_bulk_request(cluster: ClusterClient, index: str, items: Sequence[BulkItem]) -> list[BulkItem]:
    """Send one request; return the items to retry because the cluster is overloaded."""
    content = b"".join(item.lines() for item in items)
    params = {"filter_path": "errors,items.index.status,items.index.error"}
    response = None
    with suppress(UnavailableError):
        response = await cluster.send(
            "POST", f"/{index}/_bulk", content, params=params, timeout=WRITE_TIMEOUT
        )
    if response is None:
        return list(items)
    if not response["errors"]:
        return []
    rejected: list[BulkItem] = []
    for item, result in zip(items, response["items"], strict=True):
        status = result["index"]["status"]
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            rejected.append(item)
        elif status >= HTTPStatus.BAD_REQUEST:
            error = result["index"]["error"]
            raise RefusedError(status, error["type"], error["reason"])
    return rejected
