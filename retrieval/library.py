"""The documents folder and its index."""

import hashlib
import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Self

from retrieval.answer import answer, explain
from retrieval.errors import DocumentError, FolderError
from retrieval.identity import document_id, document_of
from retrieval.loading.loaders import load, read
from retrieval.loading.passages import passages
from retrieval.model import Answer, Context, Document, Passage, Problem, Section, Source, Weighing
from retrieval.ranking import store
from retrieval.ranking.embedded import EmbeddedIndex

QUOTE_CHARS = 300

Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Library:
    """What a documents folder held when it was read. Never changes: an update makes a new one.

    `version` is another one whenever the documents, or what is made of them, are.
    """

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    index: EmbeddedIndex
    quote_chars: int
    version: str
    folder: Path
    _numbers: dict[str, int]
    _places: dict[str, range]

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
        version = _name(folder, contents, quote_chars)
        place = index_dir and index_dir / version
        saved = None if fresh or place is None else store.load(place)
        if saved:
            index, about = saved
            sources = [Source(**row) for row in about["sources"]]
            problems += [Problem(**row) for row in about["problems"]]
        else:
            sources, found, broken = _load(contents, progress)
            index = EmbeddedIndex.build(found, quote_chars)
            if place:
                _save(index, place, folder, sources, broken)
            problems += broken
        return cls(
            sources=tuple(_dated(source, folder) for source in sources),
            problems=tuple(sorted(problems, key=lambda p: p.name)),
            index=index,
            quote_chars=quote_chars,
            version=version,
            folder=folder,
            _numbers={passage.id: number for number, passage in enumerate(index.passages)},
            _places=_places(sources),
        )

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

    def explain(self, question: str) -> tuple[Weighing, ...]:
        """Tell what each word of a question weighs."""
        return explain(question, self.index)

    def source(self, document_id: str) -> Source | None:
        """Give the document of an id, or None when there is none (any more)."""
        return next((source for source in self.sources if source.id == document_id), None)

    def read(self, source: Source, first: int = 0) -> Sequence[Passage]:
        """Give the passages of a document, from one on; `first` is an ordinal in it."""
        place = self._places[source.id]
        return self.index.passages[place.start + first : place.stop]

    def sections(self, source: Source) -> tuple[Section, ...]:
        """List the headings of a document that have text, in their order."""
        found: list[Section] = []
        path: tuple[str, ...] | None = None
        for first, passage in enumerate(self.read(source)):
            if passage.heading != path and passage.heading:
                found.append(Section(passage.heading[-1], len(passage.heading), first))
            path = passage.heading
        return tuple(found)

    def file(self, source: Source) -> Path:
        """Give the path of a document's file."""
        return self.folder / source.name

    def context(self, passage_id: str) -> Context | None:
        """Give a passage and its neighbours, or None when there is no such passage (any more)."""
        number = self._numbers.get(passage_id)
        if number is None:
            return None
        passage = self.index.passages[number]
        return Context(
            passage,
            before=self._neighbour(passage, -1),
            after=self._neighbour(passage, 1),
            ordinal=number - self._places[document_of(passage.id)].start,
        )

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
    files, problems = _files(folder)
    for name in files:
        try:
            contents[name] = read(folder / name, name)
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
            sources.append(_source(document, own))
            found += own
        except DocumentError as error:
            problems.append(Problem(error.name, error.reason))
        except Exception as error:  # noqa: BLE001 a mistake of ours costs one document, never the others
            _log.exception("%s: cannot be read", name)
            problems.append(
                Problem(name, f"cannot be read ({type(error).__name__}); save it anew or remove it")
            )
        if progress:
            progress(done, len(contents))
    return sources, found, problems


def _save(
    index: EmbeddedIndex, place: Path, folder: Path, sources: Sequence[Source], problems: Sequence[Problem]
) -> None:
    """Save the index and drop what it replaces; where none can be written costs time, never an answer."""
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
        reason = error.strerror or error
        _log.warning("INDEX_DIR=%s: the index cannot be saved there (%s)", place.parent, reason)


def _replaced(saved: Path, folder: object) -> bool:
    if store.is_being_written(saved):
        return False
    if store.is_abandoned(saved):
        return True
    of = store.about(saved).get("folder")
    return of is not None and (of == folder or not Path(of).is_dir())


def _name(folder: Path, contents: dict[str, bytes], quote_chars: int) -> str:
    """Name the saved index after everything it is made from."""
    digest = hashlib.blake2b(f"{store.maker()} {quote_chars} ".encode(), digest_size=16)
    digest.update(os.fsencode(folder.resolve()))
    for name, data in contents.items():
        digest.update(hashlib.blake2b(name.encode()).digest())
        digest.update(hashlib.blake2b(data).digest())
    return digest.hexdigest()


def _files(folder: Path) -> tuple[list[str], list[Problem]]:
    """List the files' names below the folder, in an order that is the same everywhere, and what is wrong.

    Hidden files and links are left out. Raises FolderError when the folder itself cannot be listed.
    """
    try:
        folders, files = _entries(folder, "")
    except (FileNotFoundError, NotADirectoryError):
        raise FolderError(
            f"{folder}: no such folder of documents; make it, or name another in SEEDS_DIR or --docs"
        ) from None
    except OSError as error:
        raise FolderError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from None
    problems: list[Problem] = []
    while folders:
        name = folders.pop()
        try:
            inner, found = _entries(folder / name, f"{name}/")
        except OSError as error:
            problems.append(Problem(name, f"cannot be listed ({error.strerror}); check its permissions"))
        else:
            folders += inner
            files += found
    named = [name for name in files if _is_unicode(name)]
    problems += [
        Problem(os.fsencode(name).decode("utf-8", "replace"), "its name is not valid UTF-8; rename it")
        for name in files
        if not _is_unicode(name)
    ]
    return sorted(named), problems


def _entries(folder: Path, above: str) -> tuple[list[str], list[str]]:
    """List the names of a folder's folders and of its files, with the path above them."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(above + entry.name)
            elif entry.is_file(follow_symlinks=False):
                files.append(above + entry.name)
    return folders, files


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _source(document: Document, own: Sequence[Passage]) -> Source:
    language = Counter(passage.language for passage in own).most_common(1)[0][0]
    return Source(
        document_id(document.name), document.name, document.title, len(own), len(document.text), language
    )


def _dated(source: Source, folder: Path) -> Source:
    """Add what its file tells; that is not saved with the index, for it may change alone."""
    try:
        status = (folder / source.name).stat()
    except OSError:
        return source
    return replace(source, size=status.st_size, changed=status.st_mtime)


def _places(sources: Sequence[Source]) -> dict[str, range]:
    ends = list(accumulate((source.passages for source in sources), initial=0))
    return {source.id: range(*place) for source, place in zip(sources, pairwise(ends), strict=True)}
