"""A document's passages: its natural paragraphs, long ones parted at sentences with one sentence of overlap."""

import base64
import hashlib
from bisect import bisect_right
from collections.abc import Iterator

from retrieval.language import detect, script, script_of
from retrieval.model import Document, Heading, Passage, Span
from retrieval.sentences import pieces

# Measured best for windows over long paragraphs (0.63 to 0.68 quote@1 with 50 to 100 words, 0.73 here).
FILL = 1000
# A paragraph is parted only when it is so long that no one would call it one place.
_LONGEST = 2000
_LONGEST_PIECE = 300


def passages(document: Document) -> Iterator[Passage]:
    """Yield a document's passages in reading order."""
    text = document.text
    language = detect("\n".join(block.of(text) for block in document.blocks[:20]))
    line_starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]
    for number, block in enumerate(document.blocks, 1):
        own = _language(block.of(text), language)
        for span in _parts(text, block, own):
            yield Passage(
                id=_identify(document, span),
                document=document.name,
                title=document.title,
                span=span,
                text=span.of(text),
                heading=_path(document, span.start),
                line=bisect_right(line_starts, span.start),
                paragraph=number,
                language=own,
                page=bisect_right(document.pages, span.start, key=lambda page: page.start) or None,
            )


def _language(text: str, of_document: str) -> str:
    """Take a paragraph's language to be the document's, unless its script says otherwise."""
    own = script(text)
    return of_document if own in {None, script_of(of_document)} else detect(text)


def _parts(text: str, block: Span, language: str) -> Iterator[Span]:
    if len(block) <= _LONGEST:
        yield block
        return
    found = pieces(block.of(text), language, _LONGEST_PIECE)
    first = 0
    while first < len(found):
        last = first
        while last + 1 < len(found) and found[last + 1].end - found[first].start <= FILL:
            last += 1
        yield Span(block.start + found[first].start, block.start + found[last].end)
        if last + 1 == len(found):
            return
        first = max(last, first + 1)


def _path(document: Document, position: int) -> tuple[str, ...]:
    path: list[Heading] = []
    for heading in document.headings:
        if heading.span.start > position:
            break
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
    return tuple(heading.span.of(document.text) for heading in path)


def _identify(document: Document, span: Span) -> str:
    """Make the passage's id: where it stands, and a digest of its words that tells when they changed."""
    place = hashlib.blake2b(
        f"{document.name}\0{span.start}".encode("utf-8", "surrogatepass"), digest_size=9
    ).digest()
    words = hashlib.blake2b(span.of(document.text).encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return (base64.urlsafe_b64encode(place) + base64.urlsafe_b64encode(words)).decode()
