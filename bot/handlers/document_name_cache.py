"""The names of the documents that a chat asks, prepared once and kept."""

from collections import deque
from collections.abc import Sequence

from bot.concurrency import in_thread
from retrieval.documents.combined_library import AnyLibrary, CombinedLibrary
from retrieval.model.document import Source
from retrieval.query.document_names import NameTable

# The names of more documents are prepared in a thread.
_MAX_PREPARED_AT_ONCE = 500
# The library has one list, and each chat with documents of its own has another.
_MAX_PREPARED_LISTS = 16


class NameTables:
    """Tables of names, one for each list of documents used of late."""

    def __init__(self) -> None:
        self._prepared: deque[NameTable] = deque(maxlen=_MAX_PREPARED_LISTS)

    async def of(self, library: AnyLibrary) -> list[NameTable]:
        """Return the tables of a library: one, or two for the documents of a chat and the shared ones."""
        parts = (library.own, library.shared) if isinstance(library, CombinedLibrary) else (library,)
        return [await self._prepare(part.sources) for part in parts]

    async def _prepare(self, sources: Sequence[Source]) -> NameTable:
        for table in self._prepared:
            if table.sources is sources:
                return table
        few = len(sources) <= _MAX_PREPARED_AT_ONCE
        table = NameTable.of(sources) if few else await in_thread(lambda: NameTable.of(sources))
        self._prepared.appendleft(table)
        return table
