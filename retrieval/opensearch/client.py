"""HTTP client for a cluster: takes its nodes in turn, and retries on another one when a node fails."""

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Mapping, Sequence
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


_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Node:
    """The address of a node, without user or password; `authorization` is what is sent along."""

    url: str
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The nodes that questions are sent to by turns. `ca_file` vouches for certificates."""

    nodes: tuple[Node, ...]
    ca_file: Path | None = None

    @classmethod
    def of(cls, addresses: str, *, api_key: str | None = None, ca_file: Path | None = None) -> Self:
        """Take one address or several, parted by commas, such as `https://user:password@host:9200`.

        A user is used for the addresses that name none as well; a key goes before users. Raises ValueError,
        which tells no secret.
        """
        parts = [_split(address.strip()) for address in addresses.split(",") if address.strip()]
        if not parts:
            raise ValueError("no address of a cluster")
        common = next((one for part in parts if (one := _user_of(part))), None)
        key = f"ApiKey {api_key}" if api_key else None
        return cls(tuple(Node(_shown(part), key or _user_of(part) or common) for part in parts), ca_file)

    def trust(self) -> ssl.SSLContext | bool:
        """Return the context that verifies certificates. Raises ValueError for an unusable CA file."""
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            is_missing = not isinstance(error, ssl.SSLError)
            reason = error.strerror if is_missing else "no certificates in it"
            raise ValueError(f"{self.ca_file}: cannot be used as certificates ({reason})") from None


def _split(address: str) -> SplitResult:
    try:
        part = urlsplit(address)
        is_fine = part.scheme in _PORT and bool(part.hostname) and part.port != 0
    except ValueError:
        is_fine = False
    if not is_fine or part.query or part.fragment:
        raise ValueError(
            "an address of a cluster is like https://host:9200 or https://user:password@host:9200"
        )
    return part


def _shown(part: SplitResult) -> str:
    host = f"[{part.hostname}]" if ":" in (part.hostname or "") else part.hostname
    return f"{part.scheme}://{host}:{part.port or _PORT[part.scheme]}{part.path.rstrip('/')}"


def _user_of(part: SplitResult) -> str | None:
    if part.username is None:
        return None
    pair = f"{unquote(part.username)}:{unquote(part.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


Body = Mapping[str, Any]

# A node that hangs is worse than a dead one: searches take milliseconds, so who waits longer asks elsewhere.
SEARCHING = httpx.Timeout(2.0, connect=1.0)
WRITING = httpx.Timeout(120.0, connect=5.0)
MERGING = httpx.Timeout(3600.0, connect=5.0)
# A node that failed is asked again after so long, or when there is no other.
_LEFT_OUT = 10.0
_BREATH = 0.1
_MOST_CONNECTIONS = 32
_BROKEN = {500, 502, 503, 504}
_ELSEWHERE = {HTTPStatus.TOO_MANY_REQUESTS, *_BROKEN}
_NOT_ALLOWED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class RefusedError(RetrievalError):
    """The cluster answered that it will not; `status` and `kind` say why in its words."""

    def __init__(self, status: int, kind: str, reason: str, *, is_part: bool = False) -> None:
        """Take the status and the error's type and reason; `is_part` tells one of several searches."""
        super().__init__(f"OpenSearch refused ({status} {kind}): {reason}")
        self.status = status
        self.kind = kind
        self._is_part = is_part

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there (any more)."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else was first."""
        return self.status == HTTPStatus.CONFLICT or self.kind == "resource_already_exists_exception"

    @property
    def is_of_node(self) -> bool:
        """Whether the node that was asked is to blame: not when it is busy, or tells of another one."""
        return self.status in _BROKEN and not self._is_part

    @property
    def is_overload(self) -> bool:
        """Whether it may be tried again later."""
        return self.status in _ELSEWHERE


class Cluster:
    """The nodes of a cluster. Belongs to one event loop; `close` when it is not needed any more."""

    def __init__(self, access: ConnectionSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Take what speaks to the nodes instead of the network, for tests. Raises ValueError."""
        self._nodes = access.nodes
        self._client = httpx.AsyncClient(
            verify=access.trust(),
            transport=transport,
            timeout=SEARCHING,
            limits=httpx.Limits(
                max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_CONNECTIONS
            ),
            # Unpacking takes longer than what is saved on the way.
            headers={"Accept-Encoding": "identity"},
            # Proxies and .netrc of the environment are none of ours.
            trust_env=False,
        )
        self._turn = 0
        self._left_out: dict[Node, float] = {}

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
    def shown(self) -> str:
        """The addresses, for people: without user and password."""
        return ", ".join(node.url for node in self._nodes)

    async def get(self, path: str, body: Body | None = None, **params: str) -> Any:
        return await self.send("GET", path, body, params=params)

    async def search(self, index: str, body: Body, timeout: httpx.Timeout = SEARCHING) -> Any:  # noqa: ASYNC109  # httpx' own
        """Search one index; what only some of its shards would answer is no answer."""
        params = {"allow_partial_search_results": "false"}
        return await self.send("POST", f"/{index}/_search", body, params=params, timeout=timeout)

    async def searches(self, index: str, bodies: Sequence[Body]) -> list[Any]:
        """Do several searches in one request, scores by the statistics of all shards."""
        head = json.dumps(
            {"index": index, "search_type": "dfs_query_then_fetch", "allow_partial_search_results": False}
        )
        lines = [f"{head}\n{json.dumps(body, separators=(',', ':'))}\n" for body in bodies]
        params = {"max_concurrent_searches": str(max(len(bodies), 1))}
        told = await self.send("POST", "/_msearch", "".join(lines).encode(), params=params)
        return list(told["responses"])

    async def send(
        self,
        method: str,
        path: str,
        body: Body | bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = SEARCHING,  # noqa: ASYNC109  # httpx' own
    ) -> Any:
        """Return a node's JSON response. The request must be safe to repeat.

        Raises RefusedError for what another node would answer as well, else UnavailableError.
        """
        tried: list[Node] = []
        told = ""
        tries = 2
        while tries:
            node = self._next(tried)
            tried.append(node)
            tries -= 1
            try:
                return await self._ask(node, method, path, body, params, timeout)
            except RefusedError as error:
                if not error.is_overload:
                    raise
                told = f"{node.url}: {error.status} {error.kind}"
                if error.is_of_node:
                    self._leave_out(node)
                if len(self._nodes) == 1 and tries:
                    await asyncio.sleep(_BREATH)
            except (httpx.TransportError, ValueError) as error:
                told = f"{node.url}: {type(error).__name__}"
                self._leave_out(node)
                # It cost no time, and nothing was asked.
                if isinstance(error, httpx.ConnectError) and len(tried) < len(self._nodes):
                    tries = max(tries, 1)
        raise UnavailableError(
            f"OpenSearch does not answer ({told}); see that it runs and that OPENSEARCH_URL names it"
        )

    def _next(self, tried: Sequence[Node]) -> Node:
        """Choose the next node by turns: none that was tried, or failed just now, if there is another."""
        now = monotonic()
        self._turn += 1
        order = [self._nodes[(self._turn + i) % len(self._nodes)] for i in range(len(self._nodes))]
        return min(order, key=lambda node: (node in tried, max(self._left_out.get(node, 0.0) - now, 0.0)))

    def _leave_out(self, node: Node) -> None:
        if len(self._nodes) > 1 and self._left_out.get(node, 0.0) < monotonic():
            _log.warning("OpenSearch: %s failed and is left out for %.0f s", node.url, _LEFT_OUT)
        self._left_out[node] = monotonic() + _LEFT_OUT

    async def _ask(  # noqa: PLR0913, PLR0917
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
        answer = await self._client.request(
            method, node.url + path, content=content, params=params, headers=headers, timeout=timeout
        )
        told = _parsed(answer)
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise _refused(answer.status_code, told)
        for part in told.get("responses", ()) if isinstance(told, dict) else ():
            if part.get("status", 200) >= HTTPStatus.BAD_REQUEST:
                raise _refused(part["status"], part, is_part=True)
        self._left_out.pop(node, None)
        return told


def _parsed(answer: httpx.Response) -> Any:
    """Read an answer; a proxy in between may say no in its own words. Half an answer raises ValueError."""
    try:
        return json.loads(answer.content) if answer.content else {}
    except ValueError:
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            raise
        return {}


def _refused(status: int, told: Any, *, is_part: bool = False) -> RetrievalError:
    error = told.get("error") if isinstance(told, dict) else None
    kind, reason = "", ""
    if isinstance(error, dict):
        kind, reason = str(error.get("type", "")), str(error.get("reason", ""))
    if status in _NOT_ALLOWED and kind != "cluster_block_exception":
        return UnavailableError(
            f"OpenSearch does not let us in ({status} {kind}); see the user, password or key it is given"
        )
    return RefusedError(status, kind or "error", reason or "no reason given", is_part=is_part)
