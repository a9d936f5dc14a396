"""Sentences as spans, and the pieces of those too long to be quoted whole."""

import regex
import sentencex

from retrieval.model import Span

# Where a long sentence may be parted, with least harm to a reader.
_CLAUSE_END = regex.compile(r"[,;:،؛、，；：·|)\]—–](?=\s|[\p{Han}\p{Hiragana}\p{Katakana}])\s*|\n+")
_SPACE = regex.compile(r"\s+")
_GRAPHEME = regex.compile(r"\X")
# A clause this short is joined to the next: the pieces of a long sentence should each say something.
_SHORTEST_CLAUSE = 40


def pieces(text: str, language: str, longest: int) -> list[Span]:
    """Part a text into the pieces a quote is made of: sentences, or the clauses of one over `longest` characters.

    No piece is longer than `longest`, has space at its ends, or parts a letter from its marks
    (unless that one letter alone is longer).
    """
    found: list[Span] = []
    for start, end in _sentences(text, language):
        sentence = _trimmed(text, start, end)
        if len(sentence) > longest:
            found += _clauses(text, sentence, longest)
        elif len(sentence):
            found.append(sentence)
    return found


def _sentences(text: str, language: str) -> list[tuple[int, int]]:
    boundaries = sentencex.get_sentence_boundaries(language, text)
    return [(b["start_index"], b["end_index"]) for b in boundaries]


def _trimmed(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return Span(start + len(part) - len(part.lstrip()), max(start + len(part.rstrip()), start))


def _clauses(text: str, sentence: Span, longest: int) -> list[Span]:
    cuts = [match.end() for match in _CLAUSE_END.finditer(text, sentence.start, sentence.end)]
    found: list[Span] = []
    start = sentence.start
    for cut in [*cuts, sentence.end]:
        if cut < sentence.end and cut - start < _SHORTEST_CLAUSE:
            continue
        found += _cut(text, Span(start, cut), longest)
        start = cut
    return [span for span in (_trimmed(text, s.start, s.end) for s in found) if len(span)]


def _cut(text: str, span: Span, longest: int) -> list[Span]:
    """Cut a clause that is still too long at its spaces, and a word that is too long between letters."""
    found: list[Span] = []
    start = span.start
    while span.end - start > longest:
        spaces = [m.end() for m in _SPACE.finditer(text, start + 1, start + longest)]
        cut = spaces[-1] if spaces else _letter_end(text, start, longest)
        found.append(Span(start, cut))
        start = cut
    return [*found, Span(start, span.end)]


def _letter_end(text: str, start: int, longest: int) -> int:
    """Find the last end of a whole letter (a grapheme) within `longest` characters."""
    end = start
    for match in _GRAPHEME.finditer(text, start, start + longest + 64):
        if match.end() - start > longest:
            break
        end = match.end()
    return end if end > start else start + longest
