"""Finds the documents that a message names, if it consists of their names alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import regex

from bot.ops.concurrency import in_thread
from retrieval.documents.archive import AnyArchive
from retrieval.model import Source

_MAX_CHARS = 1000
_SEPARATORS = regex.compile(r"[,;\n،、，；]+")
_AROUND = " \t\r\n\"'“”„«»‹›()[].!?。！？؟"
# Shorter words between names are taken for "and" and the like.
_MAX_JOINING_CHARS = 3
# The names of more documents are prepared in a thread.
_MAX_PREPARED_AT_ONCE = 2_000


class DocumentNames:
    """Documents by file name and title, prepared once for each list of documents."""

    def __init__(self) -> None:
        self._sources: Sequence[Source] = ()
        self._files: Mapping[str, Sequence[Source]] = {}
        self._titles: Mapping[str, Sequence[Source]] = {}

    async def find_files(self, text: str, archive: AnyArchive) -> list[Source]:
        """Return the documents whose file names make up the text; none if it has other words."""
        if len(text) > _MAX_CHARS or "." not in text:
            return []
        await self._prepare(archive)
        for parts in ([text], _SEPARATORS.split(text), _SEPARATORS.sub(" ", text).split()):
            names = [name for part in parts if (name := _fold(part))]
            matches = [self._files.get(name, ()) for name in names]
            rest = [name for name, match in zip(names, matches, strict=True) if not match]
            if all(len(name) <= _MAX_JOINING_CHARS for name in rest) and any(matches):
                return list({source.id: source for match in matches for source in match}.values())
        return []

    async def find_titles(self, text: str, archive: AnyArchive) -> list[Source]:
        """Return the documents whose title is the text, or whose titles are its parts."""
        if len(text) > _MAX_CHARS:
            return []
        await self._prepare(archive)
        for parts in ([text], _SEPARATORS.split(text)):
            matches = [self._titles.get(name, ()) for part in parts if (name := _fold(part))]
            if matches and all(matches):
                return list({source.id: source for match in matches for source in match}.values())
        return []

    async def _prepare(self, archive: AnyArchive) -> None:
        sources = archive.sources
        if self._sources is sources:
            return
        few = len(sources) <= _MAX_PREPARED_AT_ONCE
        self._files, self._titles = _by_name(sources) if few else await in_thread(lambda: _by_name(sources))
        self._sources = sources


def _by_name(
    sources: Sequence[Source],
) -> tuple[Mapping[str, Sequence[Source]], Mapping[str, Sequence[Source]]]:
    files, titles = defaultdict(list), defaultdict(list)
    for source in sources:
        for name in dict.fromkeys(
            _fold(name) for path in (source.name, *source.copies) for name in (path, PurePosixPath(path).name)
        ):
            files[name].append(source)
        titles[_fold(source.title)].append(source)
    return files, titles


def _fold(name: str) -> str:
    return " ".join(name.strip(_AROUND).casefold().split())
