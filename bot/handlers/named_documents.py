"""Finds the documents that a message names, if it consists of their names alone."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import regex

from bot.concurrency import in_thread
from retrieval.document_structure import Source
from retrieval.documents.combined_library import AnyLibrary, CombinedLibrary

_MAX_CHARS = 1000
_SEPARATORS = regex.compile(r"[,;\n،、，；]+")
_AROUND = " \t\r\n\"'“”„«»‹›()[].!?。！？؟"
# Shorter words between names are taken for "and" and the like.
_MAX_JOINING_CHARS = 3
# The names of more documents are prepared in a thread.
_MAX_PREPARED_AT_ONCE = 2_000
# The library has one list, and each chat with documents of its own has another.
_MAX_PREPARED_LISTS = 16


@dataclass(frozen=True, slots=True)
class _Names:
    """Documents by file name and by title."""

    sources: Sequence[Source]
    files: Mapping[str, Sequence[Source]]
    titles: Mapping[str, Sequence[Source]]


class DocumentNames:
    """Documents by file name and title, prepared once for each list of documents used of late."""

    def __init__(self) -> None:
        self._prepared: deque[_Names] = deque(maxlen=_MAX_PREPARED_LISTS)

    async def find_files(self, text: str, library: AnyLibrary) -> list[Source]:
        """Return the documents whose file names make up the text; none if it has other words."""
        if len(text) > _MAX_CHARS or "." not in text:
            return []
        files = [names.files for names in await self._names_of(library)]
        for parts in ([text], _SEPARATORS.split(text), _SEPARATORS.sub(" ", text).split()):
            names = [name for part in parts if (name := _fold(part))]
            matches = [[source for part in files for source in part.get(name, ())] for name in names]
            rest = [name for name, match in zip(names, matches, strict=True) if not match]
            if all(len(name) <= _MAX_JOINING_CHARS for name in rest) and any(matches):
                return list({source.id: source for match in matches for source in match}.values())
        return []

    async def find_titles(self, text: str, library: AnyLibrary) -> list[Source]:
        """Return the documents whose title is the text, or whose titles are its parts."""
        if len(text) > _MAX_CHARS:
            return []
        titles = [names.titles for names in await self._names_of(library)]
        for parts in ([text], _SEPARATORS.split(text)):
            matches = [
                [source for titled in titles for source in titled.get(name, ())]
                for part in parts
                if (name := _fold(part))
            ]
            if matches and all(matches):
                return list({source.id: source for match in matches for source in match}.values())
        return []

    async def _names_of(self, library: AnyLibrary) -> list[_Names]:
        parts = (library.own, library.shared) if isinstance(library, CombinedLibrary) else (library,)
        return [await self._prepare(part.sources) for part in parts]

    async def _prepare(self, sources: Sequence[Source]) -> _Names:
        for names in self._prepared:
            if names.sources is sources:
                return names
        few = len(sources) <= _MAX_PREPARED_AT_ONCE
        names = _by_name(sources) if few else await in_thread(lambda: _by_name(sources))
        self._prepared.appendleft(names)
        return names


def _by_name(sources: Sequence[Source]) -> _Names:
    files, titles = defaultdict(list), defaultdict(list)
    for source in sources:
        for name in dict.fromkeys(
            _fold(name) for path in (source.name, *source.copies) for name in (path, PurePosixPath(path).name)
        ):
            files[name].append(source)
        titles[_fold(source.title)].append(source)
    return _Names(sources, files, titles)


def _fold(name: str) -> str:
    return " ".join(name.strip(_AROUND).casefold().split())
