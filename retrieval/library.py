"""The documents folder and its index."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from retrieval.answer import answer
from retrieval.errors import DocumentError, FolderError
from retrieval.loading.loaders import load
from retrieval.loading.passages import passages
from retrieval.model import Answer, Context, Document, Passage, Problem, Source
from retrieval.ranking.embedded import EmbeddedIndex

QUOTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Library:
    """What a documents folder held when it was read. Never changes: an update makes a new one."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    languages: tuple[str, ...]
    index: EmbeddedIndex
    numbers: dict[str, int]
    quote_chars: int

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        index_dir: Path | None = None,
        quote_chars: int = QUOTE_CHARS,
        progress: Callable[[int, int], None] | None = None,
    ) -> Self:
        """Read the folder, with the saved index in `index_dir` where it is fresh. Blocks; an empty folder is fine.

        Raises FolderError when the folder is missing or cannot be listed. A document that cannot be read is
        named in `problems` and left out. `progress` is called with the documents done and their total.
        """
        files = _files(folder)
        sources: list[Source] = []
        problems: list[Problem] = []
        found: list[Passage] = []
        for done, file in enumerate(files, 1):
            name = file.relative_to(folder).as_posix()
            try:
                document, _ = load(file, name)
                own = list(passages(document))
                found += own
                sources.append(_source(document, own))
            except DocumentError as error:
                problems.append(Problem(error.name, error.reason))
            if progress:
                progress(done, len(files))
        return cls(
            sources=tuple(sources),
            problems=tuple(problems),
            languages=tuple(Counter(p.language for p in found)),
            index=EmbeddedIndex.build(found, quote_chars),
            numbers={passage.id: number for number, passage in enumerate(found)},
            quote_chars=quote_chars,
        )

    @property
    def passages(self) -> int:
        """How many passages there are."""
        return len(self.numbers)

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer any text; `earlier` is the question before it, which it may lean on."""
        return await answer(
            question, index=self.index, languages=self.languages, quote_chars=self.quote_chars, top=top, earlier=earlier
        )

    def context(self, passage_id: str) -> Context | None:
        """Give a passage and its neighbours, or None when there is no such passage (any more)."""
        number = self.numbers.get(passage_id)
        if number is None:
            return None
        passage = self.index.passages[number]
        return Context(passage, before=self._neighbour(passage, number - 1), after=self._neighbour(passage, number + 1))

    def _neighbour(self, passage: Passage, number: int) -> Passage | None:
        if not 0 <= number < len(self.index.passages):
            return None
        neighbour = self.index.passages[number]
        return neighbour if neighbour.document == passage.document else None


def _files(folder: Path) -> list[Path]:
    """List the folder's files, hidden ones left out, in an order that is the same everywhere."""
    if not folder.is_dir():
        raise FolderError(f"{folder}: the documents folder is missing; make it, or name another in SEEDS_DIR or --docs")
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


def _source(document: Document, own: list[Passage]) -> Source:
    language = Counter(passage.language for passage in own).most_common(1)[0][0]
    return Source(document.name, document.title, len(own), len(document.text), language)
