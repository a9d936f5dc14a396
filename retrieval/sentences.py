"""Sentences as spans, and the pieces of those too long to be quoted whole."""

from itertools import pairwise

import regex
import sentencex

from retrieval.model import Span

# What belongs to the letter before it, be that only a space: marks, joiners, skin tones.
_MARK = r"[\p{M}\p{Grapheme_Cluster_Break=Extend}\u200d]"
_GOES_ON = regex.compile(_MARK)
# Where a long sentence may be parted, with least harm to a reader. Thai and its neighbours write no spaces
# between words and no stops after sentences: a space is the end of a phrase.
_PHRASED = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_CLAUSE_END = regex.compile(
    rf"(?:[,;:،؛、，；：·|)\]—–](?=\s|[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])\s*+|\n++"
    rf"|(?<={_PHRASED})\s++(?={_PHRASED}))(?!{_MARK})"
)
_SPACE = regex.compile(rf"\s++(?!{_MARK})")
_GRAPHEME = regex.compile(r"\X")
# The number of a list's item ends like a sentence, and belongs to what follows it.
_ITEM_NUMBER = regex.compile(r"\(?(?:\p{N}{1,3}|\p{L})[.)]")
# A clause this short is joined to the next: the pieces of a long sentence should each say something.
_SHORTEST_CLAUSE = 40


def pieces(text: str, language: str, longest: int) -> list[Span]:
    """Part a text into what quotes are made of: sentences, or the clauses of one over `longest` characters.

    All but space is in a piece, so that a text that is not blank has at least one. No piece is longer than
    `longest`, has space at its ends, or parts a letter from its marks (unless that letter alone is longer).
    """
    found: list[Span] = []
    number: Span | None = None
    for start, end in _sentences(text, language):
        sentence = _trimmed(text, start, end)
        if number is not None and len(sentence) and sentence.end - number.start <= longest:
            sentence = Span(number.start, sentence.end)
        elif number is not None:
            found.append(number)
        number = None
        if len(sentence) <= longest and _ITEM_NUMBER.fullmatch(sentence.of(text)):
            number = sentence
            continue
        if len(sentence) > longest:
            found += _clauses(text, sentence, longest)
        elif len(sentence):
            found.append(sentence)
    return found if number is None else [*found, number]


def _sentences(text: str, language: str) -> list[tuple[int, int]]:
    """Part the text at the ends that sentencex finds, save where that would part a letter from its marks."""
    ends = [boundary["end_index"] for boundary in sentencex.get_sentence_boundaries(language, text)]
    cuts = [end for end in ends if end < len(text) and (text[end].isascii() or not _GOES_ON.match(text, end))]
    return list(pairwise([0, *cuts, len(text)]))


def _trimmed(text: str, start: int, end: int) -> Span:
    part = text[start:end].rstrip()
    end = start + len(part)
    return Span(end - len(part.lstrip()) if part[:1].isspace() else start, end)


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
