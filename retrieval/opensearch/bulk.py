"""Writing many documents of a cluster's at once, as fast as it takes them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from retrieval.errors import UnavailableError
from retrieval.opensearch.client import WRITING, Cluster, RefusedError

# Two requests at a time write 17,800 documents a second, one 14,500.
TOGETHER = 2
_MOST = 2_000
_MOST_BYTES = 5_000_000
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0
_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class BulkItem:
    """A document of the cluster's, as a line of JSON."""

    identity: str
    body: bytes

    def lines(self) -> bytes:
        return b'{"index":{"_id":"%s"}}\n%s\n' % (self.identity.encode(), self.body)


async def write(cluster: Cluster, index: str, entries: Sequence[BulkItem]) -> None:
    """Write documents; what is there by the same ids is replaced, so it can be done again.

    A cluster that has enough to do is given less at a time, and time. Raises UnavailableError when that does
    not help, and RefusedError for what it will never take.
    """
    waiting = list(_parts(entries))
    wait = _FIRST_WAIT
    tries = 0
    while waiting:
        part = waiting.pop(0)
        refused = await _send(cluster, index, part)
        if not refused:
            wait, tries = _FIRST_WAIT, 0
            continue
        tries += 1
        if tries > _PATIENCE:
            raise UnavailableError(
                f"OpenSearch ({cluster.shown}) takes no more documents; see that it is well"
            )
        half = (len(refused) + 1) // 2
        waiting[:0] = [some for some in (refused[:half], refused[half:]) if some]
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _parts(entries: Sequence[BulkItem]) -> Iterator[list[BulkItem]]:
    part: list[BulkItem] = []
    size = 0
    for entry in entries:
        if part and (len(part) == _MOST or size + len(entry.body) > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry.body)
    if part:
        yield part


async def _send(cluster: Cluster, index: str, part: Sequence[BulkItem]) -> list[BulkItem]:
    """Return the items that the cluster has no room for now."""
    content = b"".join(entry.lines() for entry in part)
    params = {"filter_path": "errors,items.index.status,items.index.error"}
    told = None
    with suppress(UnavailableError):
        told = await cluster.send("POST", f"/{index}/_bulk", content, params=params, timeout=WRITING)
    if told is None:
        return list(part)
    if not told["errors"]:
        return []
    refused: list[BulkItem] = []
    for entry, item in zip(part, told["items"], strict=True):
        status = item["index"]["status"]
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            refused.append(entry)
        elif status >= HTTPStatus.BAD_REQUEST:
            error = item["index"]["error"]
            raise RefusedError(status, error["type"], error["reason"])
    return refused
