"""What a document tells of itself: the headings that its passages stand under."""

from collections.abc import Iterable

from retrieval.model import Passage, Section


def contents(passages: Iterable[Passage]) -> tuple[Section, ...]:
    """List the headings that have text, of a document's passages in their order."""
    found: list[Section] = []
    path: tuple[str, ...] | None = None
    for first, passage in enumerate(passages):
        if passage.heading != path and passage.heading:
            found.append(Section(passage.heading[-1], len(passage.heading), first))
        path = passage.heading
    return tuple(found)
