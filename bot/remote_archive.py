"""Documents that are elsewhere: in a cluster, which may be away, and where a new index may take over."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, Self

from bot.ops.metrics import Metrics
from bot.ops.outage_log import OutageLog
from bot.search_service import TOP, Archive
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.model import Answer, Citation, Passage, PassageContext, Problem, Section, Source, TermWeight

# So often it is looked whether another index has taken over.
_LOOK = 30.0
# So often where it is away; questions find out by themselves.
_SOON = 5.0
# So long what is known of the cluster holds.
_KNOWN = 3.0


class RemoteIndex(Archive, Protocol):
    """An index in the cluster, as it was when it was opened: it never changes."""

    async def reachable(self) -> None:
        """Search for next to nothing; raises UnavailableError when that cannot be done."""

    async def refreshed(self) -> Self:
        """Give the index that counts now: this one, if no other took over. Raises UnavailableError."""


class RemoteArchive:
    """An archive that follows the cluster; it raises UnavailableError while that is away.

    The log has one line when that begins, and one when it ends. `opening` gives the first index; `swap` is
    given each new one.
    """

    def __init__(
        self,
        opening: Callable[[], Awaitable[RemoteIndex]],
        swap: Callable[[RemoteIndex], None],
        metrics: Metrics,
    ) -> None:
        self._open = opening
        self._swap = swap
        self._metrics = metrics
        self._shelf: RemoteIndex | None = None
        self._reason = "nothing was read yet"
        self._outage = OutageLog("The cluster")
        self._woken = asyncio.Event()
        self._looking = asyncio.Lock()
        self._reached_at = float("-inf")

    async def look(self) -> float:
        """See which index counts now; gives the seconds until that is to be done again."""
        self._woken.clear()
        try:
            shelf = await (self._shelf.refreshed() if self._shelf else self._open())
            if shelf is not self._shelf:
                self._shelf = shelf
                self._swap(shelf)
            if self._outage:
                # A cluster that starts can tell of its index before it can search it.
                await shelf.reachable()
        except RetrievalError as error:
            self._is_away(error)
            return min(self._outage.met(self._reason), _SOON)
        self._is_back()
        return _LOOK

    async def follow(self) -> None:
        """Look again and again, for ever; soon while the cluster is away."""
        while True:
            wait = await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def is_reached(self) -> bool:
        """Tell whether it can be searched now, or could a moment ago."""
        async with self._looking:
            if time.monotonic() - self._reached_at > _KNOWN:
                with contextlib.suppress(UnavailableError), self._asking() as shelf:
                    await shelf.reachable()
            return time.monotonic() - self._reached_at <= _KNOWN

    @contextlib.contextmanager
    def _asking(self) -> Iterator[RemoteIndex]:
        if self._shelf is None:
            raise UnavailableError(self._reason)
        try:
            yield self._shelf
        except RetrievalError as error:
            self._is_away(error)
            raise UnavailableError(str(error)) from None
        self._is_back()

    def _is_away(self, error: RetrievalError) -> None:
        self._reached_at = float("-inf")
        if not self._outage:
            # Later failures may name other nodes; that is no news.
            self._reason = str(error)
            self._outage.met(self._reason)
            self._metrics.reaches(documents=False)
            # Another index may have taken over, and this one be gone.
            self._woken.set()

    def _is_back(self) -> None:
        self._reached_at = time.monotonic()
        self._metrics.reaches(documents=True)
        self._outage.over()

    @property
    def _known(self) -> RemoteIndex:
        if self._shelf is None:
            raise UnavailableError(self._reason)
        return self._shelf

    @property
    def sources(self) -> Sequence[Source]:
        return self._known.sources

    @property
    def problems(self) -> Sequence[Problem]:
        return self._known.problems

    @property
    def passages(self) -> int:
        return self._known.passages

    @property
    def version(self) -> str:
        return self._known.version

    def source(self, document_id: str) -> Source | None:
        return self._known.source(document_id)

    def picture(self, citation: Citation) -> bytes | None:
        return self._known.picture(citation)

    def file(self, source: Source) -> Path:
        return self._known.file(source)

    async def answer(self, question: str, *, top: int = TOP, earlier: str | None = None) -> Answer:
        with self._asking() as shelf:
            return await shelf.answer(question, top=top, earlier=earlier)

    async def explain(self, question: str) -> Sequence[TermWeight]:
        with self._asking() as shelf:
            return await shelf.explain(question)

    async def context(self, passage_id: str) -> PassageContext | None:
        with self._asking() as shelf:
            return await shelf.context(passage_id)

    async def sections(self, source: Source) -> Sequence[Section]:
        with self._asking() as shelf:
            return await shelf.sections(source)

    async def read(self, source: Source) -> Sequence[Passage]:
        with self._asking() as shelf:
            return await shelf.read(source)
