"""Overviews: the most central sentences of a document, as quotes in its order, and its headings.

A sentence is central if its words are frequent in the document (TF-IDF, closest to the mean of all
sentences), if they are those of the title, and if it is early. docs/ranking.md compares this with the first
sentences, with LexRank and with the sentence encoder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import regex
from numpy.typing import NDArray

from retrieval.language import DENSE_SCRIPTS, script, tokenize
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import ROW_UNITS, SHOWN_MAIL_HEADERS, Citation, Passage, Section, Span
from retrieval.query.query import load_stopwords
from retrieval.quotes.quote_selection import Excerpt, cite, drop_altered
from retrieval.sentences import pieces

# Sentences of an overview, by the number that the document has.
_SHORT_DOCUMENT_SENTENCES, _SHORT_OVERVIEW_SENTENCES = 16, 3
_LONG_DOCUMENT_SENTENCES, _LONG_OVERVIEW_SENTENCES = 150, 7
_OVERVIEW_SENTENCES = 5
# Those of about 200 pages; the rest of a longer document is not read.
_MAX_SENTENCES = 5_000
# A sentence of a dense script has fewer characters.
_MIN_CHARS, _MIN_DENSE_CHARS = 40, 12
_MIN_LETTERS = 0.75
_SENTENCE_END = regex.compile(r"[.!?…؟。！？।۔][\p{Pe}\p{Pf}\"'”’]*$")
_SENTENCE_START = regex.compile(r"[\p{Pi}\p{Ps}\"'“„«¿¡]*[\p{Lu}\p{Lt}\p{Lo}]")
_LETTER = regex.compile(r"[\p{L}\p{M}]")
_MAIL_HEADER = regex.compile(rf"(?:{'|'.join(SHOWN_MAIL_HEADERS)}): ")
# Figures for these are in docs/ranking.md.
_TITLE_WEIGHT = 0.5
_POSITION_WEIGHT, _POSITION_WEIGHT_OF_LONG = 1.0, 0.3
_REPETITION_WEIGHT = 1.0
# Sentences that are more similar say the same.
_MAX_SIMILARITY = 0.8
# Sentences after which the weight of the position is halved, or a share of all if that is more.
_POSITION_DECAY, _POSITION_DECAY_SHARE = 10, 0.1
# Shorter documents are shown without a list of headings.
_MIN_CHARS_FOR_HEADINGS = 2_000
_MIN_HEADINGS, _MANY_HEADINGS = 3, 12


@dataclass(frozen=True, slots=True)
class OverviewHeading:
    """A heading of the document, and the id of the first passage below it."""

    text: str
    passage_id: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The central sentences of a document, in its order, and the headings of a long one.

    `is_table`: it has rows instead, and the sentences are the first ones.
    """

    sentences: tuple[Citation, ...]
    headings: tuple[OverviewHeading, ...] = ()
    is_table: bool = False


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: Passage
    span: Span

    @property
    def text(self) -> str:
        return self.span.of(self.passage.text)


@dataclass(frozen=True, slots=True)
class _TermMatrix:
    """The TF-IDF weights of terms in sentences, as parallel arrays; the rows are unit vectors."""

    rows: NDArray[np.intp]
    terms: NDArray[np.intp]
    weights: NDArray[np.float64]
    shape: tuple[int, int]

    def similarity(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inner product of each row and a vector, shape (rows,)."""
        products = self.weights * vector[self.terms]
        return np.bincount(self.rows, products, minlength=self.shape[0]).astype(np.float64)

    def row(self, number: int) -> NDArray[np.float64]:
        in_row = self.rows == number
        vector = np.zeros(self.shape[1])
        vector[self.terms[in_row]] = self.weights[in_row]
        return vector

    def mean(self) -> NDArray[np.float64]:
        sums = np.bincount(self.terms, self.weights, minlength=self.shape[1]).astype(np.float64)
        return sums / self.shape[0]


def make_overview(passages: Sequence[Passage], quote_chars: int) -> Overview:
    """Return the overview of a document with these passages. Blocks, a second for 300 pages.

    Each sentence has at most `quote_chars` characters.
    """
    passages = list(passages)
    sentences = list(_sentences(passages, quote_chars))
    is_table = bool(passages) and passages[0].unit in ROW_UNITS
    chosen = _first_rows(sentences) if is_table else _central(sentences, quote_chars)
    citations = tuple(
        cite(sentence.passage, Excerpt(0, sentence.span.start, sentence.span.end, 0.0), rank, ())
        for rank, sentence in enumerate(chosen, 1)
    )
    return Overview(tuple(drop_altered(citations)), _main_headings(passages), is_table)


def _sentences(passages: Sequence[Passage], quote_chars: int) -> Iterator[_Sentence]:
    """Yield the sentences of a document in order, those that two passages share once."""
    end = count = 0
    for passage in passages:
        if passage.unit == "message" and _MAIL_HEADER.match(passage.text):
            continue
        for span in pieces(passage.text, passage.language, quote_chars):
            if not passage.is_legible(span.start, span.end):
                continue
            if passage.span.start + span.start < end:
                continue
            yield _Sentence(passage, span)
            end = passage.span.start + span.end
            count += 1
        if count > _MAX_SENTENCES:
            return


def _first_rows(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    """Return the beginnings of the first rows, from each sheet. A wide row may be several passages."""
    firsts: dict[tuple[str, ...], list[_Sentence]] = {}
    before: tuple[object, ...] = ()
    for sentence in sentences:
        passage = sentence.passage
        row = (passage.section, id(passage) if passage.label is None else passage.label)
        if row != before:
            firsts.setdefault(passage.heading, []).append(sentence)
        before = row
    sheets = list(firsts.values())[:_OVERVIEW_SENTENCES]
    return [sentence for sheet in sheets for sentence in sheet[: max(_OVERVIEW_SENTENCES // len(sheets), 1)]]


def _central(sentences: Sequence[_Sentence], quote_chars: int) -> list[_Sentence]:
    """Return the most central sentences in document order, or the openings of a text with few sentences."""
    by_text: dict[str, _Sentence] = {}
    for sentence in sentences:
        if _is_whole(sentence):
            by_text.setdefault(sentence.text, sentence)
    whole = list(by_text.values())
    if len(whole) <= _SHORT_OVERVIEW_SENTENCES:
        return _openings(sentences, quote_chars)
    count = _OVERVIEW_SENTENCES
    if len(whole) < _SHORT_DOCUMENT_SENTENCES:
        count = _SHORT_OVERVIEW_SENTENCES
    elif len(whole) > _LONG_DOCUMENT_SENTENCES:
        count = _LONG_OVERVIEW_SENTENCES
    title = whole[0].passage.title
    matrix = _weigh_terms([*(sentence.text for sentence in whole), title], _language(whole))
    return [whole[number] for number in _choose(matrix, count)]


def _openings(sentences: Sequence[_Sentence], quote_chars: int) -> list[_Sentence]:
    """Return the beginnings of the first passages, as long as quotes may be; of fewer also what follows."""
    parts: list[_Sentence] = []
    for sentence in sentences:
        last = parts[-1] if parts else None
        if last and last.passage is sentence.passage and sentence.span.end - last.span.start <= quote_chars:
            parts[-1] = replace(last, span=Span(last.span.start, sentence.span.end))
        else:
            parts.append(sentence)
    firsts = [
        part for index, part in enumerate(parts) if index == 0 or parts[index - 1].passage is not part.passage
    ]
    return (firsts if len(firsts) >= _SHORT_OVERVIEW_SENTENCES else parts)[:_SHORT_OVERVIEW_SENTENCES]


def _is_whole(sentence: _Sentence) -> bool:
    """Return whether a piece is a sentence to quote alone, not a heading, a fragment or a formula."""
    text = sentence.text
    is_dense = script(text) in DENSE_SCRIPTS
    if len(text) < (_MIN_DENSE_CHARS if is_dense else _MIN_CHARS):
        return False
    if not (_SENTENCE_END.search(text) and _SENTENCE_START.match(text)):
        return False
    visible = len(text) - sum(map(str.isspace, text))
    return len(_LETTER.findall(text)) >= _MIN_LETTERS * visible


def _language(sentences: Sequence[_Sentence]) -> str:
    """Return the language of most sentences."""
    languages = [sentence.passage.language for sentence in sentences]
    return max(sorted(set(languages)), key=languages.count)


def _weigh_terms(texts: Sequence[str], language: str) -> _TermMatrix:
    stopwords = load_stopwords()
    ignored = stopwords[language].function_words if language in stopwords else frozenset()
    vocabulary: dict[str, int] = {}
    rows: list[int] = []
    terms: list[int] = []
    for row, text in enumerate(texts):
        for token in tokenize(text, language):
            if token.word not in ignored:
                rows.append(row)
                terms.append(vocabulary.setdefault(token.term, len(vocabulary)))
    shape = len(texts), max(len(vocabulary), 1)
    cells, counts = np.unique(
        np.array(rows, np.intp) * shape[1] + np.array(terms, np.intp), return_counts=True
    )
    owners, columns = np.divmod(cells, shape[1])
    idf = np.log1p(shape[0] / np.maximum(np.bincount(columns, minlength=shape[1]), 1))
    weights = counts * idf[columns]
    norms = np.sqrt(np.bincount(owners, weights**2, minlength=shape[0]))
    return _TermMatrix(owners, columns, weights / norms[owners], shape)


def _choose(matrix: _TermMatrix, count: int) -> list[int]:
    """Return the numbers of the most central sentences, in order. The last row of the matrix is the title.

    They are chosen one after another by maximal marginal relevance: similarity to those chosen before counts
    against a sentence.
    """
    total = matrix.shape[0] - 1
    decay = max(_POSITION_DECAY, _POSITION_DECAY_SHARE * total)
    relevance = _scale(matrix.similarity(matrix.mean())[:total])
    relevance += _TITLE_WEIGHT * _scale(matrix.similarity(matrix.row(total))[:total])
    # The beginning of a long document is its imprint and contents as often as its introduction.
    weight = _POSITION_WEIGHT if total <= _LONG_DOCUMENT_SENTENCES else _POSITION_WEIGHT_OF_LONG
    relevance = _scale(relevance + weight / (1 + np.arange(total) / decay))
    repetition = np.zeros(total)
    chosen: list[int] = []
    for _ in range(min(count, total)):
        value = relevance - _REPETITION_WEIGHT * repetition
        value[repetition > _MAX_SIMILARITY] = -np.inf
        best = int(value.argmax())
        if value[best] == -np.inf:
            break
        chosen.append(best)
        repetition = np.maximum(repetition, matrix.similarity(matrix.row(best))[:total])
        repetition[best] = np.inf
    return sorted(chosen)


def _scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values scaled to 0 to 1."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def _main_headings(passages: Sequence[Passage]) -> tuple[OverviewHeading, ...]:
    """Return the headings of the highest levels if the document is long: as many levels as stay few.

    Each is listed once, the title not at all.
    """
    if not passages or passages[-1].span.end < _MIN_CHARS_FOR_HEADINGS:
        return ()
    title = passages[0].title.casefold()
    by_text: dict[str, Section] = {}
    for section in table_of_contents(passage.heading for passage in passages):
        if section.heading.casefold() != title:
            by_text.setdefault(section.heading, section)
    sections = list(by_text.values())
    main: list[Section] = []
    for level in sorted({section.level for section in sections}):
        upper = [section for section in sections if section.level <= level]
        if len(main) >= _MIN_HEADINGS and len(upper) > _MANY_HEADINGS:
            break
        main = upper
    if len(main) < _MIN_HEADINGS:
        return ()
    return tuple(OverviewHeading(section.heading, passages[section.first].id) for section in main)
