"""The documents folder and its index."""

import hashlib
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from retrieval.answer import answer
from retrieval.errors import DocumentError, FolderError
from retrieval.loading.loaders import load, read
from retrieval.loading.passages import passages
from retrieval.model import Answer, Context, Document, Passage, Problem, Source
from retrieval.ranking import store
from retrieval.ranking.embedded import EmbeddedIndex

QUOTE_CHARS = 300

Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Library:
    """What a documents folder held when it was read. Never changes: an update makes a new one."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    index: EmbeddedIndex
    quote_chars: int
    _numbers: dict[str, int]

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        index_dir: Path | None = None,
        quote_chars: int = QUOTE_CHARS,
        progress: Progress | None = None,
        fresh: bool = False,
    ) -> Self:
        """Read the folder, from the index saved in `index_dir` when it is of the same documents. Blocks.

        `fresh` builds it anew whatever is saved. Raises FolderError when the folder is missing or cannot be
        listed; an empty folder is fine. A document that cannot be read is named in `problems` and left out.
        `progress` is called with the number of documents done and their total.
        """
        contents, problems = _read(folder)
        place = index_dir and index_dir / _name(folder, contents, quote_chars)
        saved = None if fresh or place is None else store.load(place)
        if saved:
            index, about = saved
            sources = tuple(Source(**row) for row in about["sources"])
            problems += [Problem(**row) for row in about["problems"]]
        else:
            sources, found, broken = _load(contents, progress)
            index = EmbeddedIndex.build(found, quote_chars)
            if place:
                _save(index, place, folder, sources, broken)
            problems += broken
        return cls.of(index, sources, problems, quote_chars)

    @classmethod
    def of(
        cls, index: EmbeddedIndex, sources: Sequence[Source], problems: Sequence[Problem], quote_chars: int
    ) -> Self:
        numbers = {passage.id: number for number, passage in enumerate(index.passages)}
        return cls(tuple(sources), tuple(sorted(problems, key=lambda p: p.name)), index, quote_chars, numbers)

    @property
    def passages(self) -> int:
        """How many passages there are."""
        return len(self.index.passages)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the documents, those with most passages first."""
        return self.index.languages

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer any text; `earlier` is the question before it, which it may lean on."""
        return await answer(question, self.index, quote_chars=self.quote_chars, top=top, earlier=earlier)

    def context(self, passage_id: str) -> Context | None:
        """Give a passage and its neighbours, or None when there is no such passage (any more)."""
        number = self._numbers.get(passage_id)
        if number is None:
            return None
        passage = self.index.passages[number]
        return Context(passage, before=self._neighbour(passage, -1), after=self._neighbour(passage, 1))

    def _neighbour(self, passage: Passage, step: int) -> Passage | None:
        """Give the next passage in the document that way, over those that overlap this one."""
        number = self._numbers[passage.id] + step
        while 0 <= number < len(self.index.passages):
            other = self.index.passages[number]
            if other.document != passage.document:
                return None
            if other.span.end <= passage.span.start or other.span.start >= passage.span.end:
                return other
            number += step
        return None


def _read(folder: Path) -> tuple[dict[str, bytes], list[Problem]]:
    """Read all files, by their names below the folder; name those that cannot be read."""
    contents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in _files(folder):
        name = file.relative_to(folder).as_posix()
        try:
            contents[name] = read(file, name)
        except DocumentError as error:
            problems.append(Problem(error.name, error.reason))
    return contents, problems


def _load(
    contents: dict[str, bytes], progress: Progress | None
) -> tuple[list[Source], list[Passage], list[Problem]]:
    sources: list[Source] = []
    found: list[Passage] = []
    problems: list[Problem] = []
    for done, (name, data) in enumerate(contents.items(), 1):
        try:
            document = load(data, name)
            own = list(passages(document))
            found += own
            sources.append(_source(document, own))
        except DocumentError as error:
            problems.append(Problem(error.name, error.reason))
        if progress:
            progress(done, len(contents))
    return sources, found, problems


def _save(
    index: EmbeddedIndex, place: Path, folder: Path, sources: Sequence[Source], problems: Sequence[Problem]
) -> None:
    """Save the index and drop what it replaces; a place that cannot be written costs time, never an answer."""
    about = {
        "folder": str(folder.resolve()),
        "sources": [asdict(source) for source in sources],
        "problems": [asdict(problem) for problem in problems],
    }
    try:
        store.save(index, place, about)
        for other in place.parent.iterdir():
            if other != place and _replaced(other, about["folder"]):
                shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        _log.warning("INDEX_DIR=%s: the index cannot be saved there (%s)", place.parent, error.strerror)


def _replaced(saved: Path, folder: object) -> bool:
    of = store.about(saved).get("folder")
    return of is not None and (of == folder or not Path(of).is_dir())


def _name(folder: Path, contents: dict[str, bytes], quote_chars: int) -> str:
    """Name the saved index after everything it is made from."""
    digest = hashlib.blake2b(f"{store.VERSION} {quote_chars} {folder.resolve()}".encode(), digest_size=16)
    for name, data in contents.items():
        digest.update(hashlib.blake2b(name.encode("utf-8", "surrogatepass")).digest())
        digest.update(hashlib.blake2b(data).digest())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    """List the folder's files, hidden ones and links left out, in an order that is the same everywhere."""
    if not folder.is_dir():
        raise FolderError(
            f"{folder}: no such folder of documents; make it, or name another in SEEDS_DIR or --docs"
        )
    return sorted(_walk(folder), key=lambda file: file.as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise FolderError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def _source(document: Document, own: Sequence[Passage]) -> Source:
    language = Counter(passage.language for passage in own).most_common(1)[0][0]
    return Source(document.name, document.title, len(own), len(document.text), language)
