"""What a document tells of itself: the headings that its passages stand under."""

from collections.abc import Iterable

from retrieval.model import Section


def contents(headings: Iterable[tuple[str, ...]]) -> tuple[Section, ...]:
    """List the headings that have text; given are the paths above a document's passages, in their order."""
    found: list[Section] = []
    path: tuple[str, ...] | None = None
    for first, heading in enumerate(headings):
        if heading != path and heading:
            found.append(Section(heading[-1], len(heading), first))
        path = heading
    return tuple(found)
