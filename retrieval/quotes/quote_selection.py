"""Selection of quotes: spans of whole sentences, scored by their features over all candidates at once.

The best become citations, with highlights and a location. The last step checks that a quote is verbatim.
"""

import logging
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.index.candidates import Candidates
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import GRAM_CHARS, Vocabulary, digest, grams
from retrieval.model import ROW_UNITS, Answer, Citation, Locator, Passage, Span, logged_name
from retrieval.query.matching import (
    MEANING_SCALE,
    SHORTLIST_SIZE,
    FloatArray,
    IntArray,
    QueryMatches,
    gram_idf,
    nearby_similarity,
    passage_features,
    shortlist,
    token_features,
)
from retrieval.query.query import Query
from retrieval.quotes.coefficients import WITH_MEANING, WITH_TOKENS, WORDS_ONLY, Coefficients
from retrieval.sentences import LEAD_IN_ENDINGS, pieces

# A span of more pieces is a list of short items, not sentences.
_MAX_PIECES = 24
# The count of a word at which its frequency feature is 0.5; K1 of the first stage has this value, too.
_COUNT_SATURATION = 0.6
# Characters that may follow a question mark.
_CLOSING_MARKS = " \n\t\"'”’»)]"
_SENTENCE_ENDINGS = (".", "!", "?", "…", ";", "。", "！", "？", "；", "؟", "۔", "।")
_QUESTION_MARKS = ("?", "？", "؟", "⸮")
# A span with a larger share of questions is treated as a question.
_MAX_QUESTION_SHARE = 0.5
# "E4: filter blocked." A short first sentence of a paragraph is not quoted without the one that explains it.
_MAX_LABEL_CHARS = 30
# Spans that are this much less likely than the best one count nothing; their exponentials would be 0.
_MIN_LOG_ODDS = -500.0
# Beyond these log-odds, a share of 0.98, the confidence does not grow.
_MAX_SHARE_LOG_ODDS = 4.0
_MIN_SHARE = 1e-9
# Sentences at the ends of a quote are dropped while the rest has this share of its evidence: with less, fewer
# quotes are right.
_MIN_KEPT_SHARE = 0.9
# A sentence with at least this share of a quote's evidence is marked: in 0.54 of the right quotes of several
# sentences (encyclopaedia questions: 0.69). Of these 0.83 (0.91) have the answer; without a limit 0.72 (0.82)
# would have.
_MIN_KEY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A selected quote: characters `start` to `end` (exclusive) of a candidate's passage.

    `candidate` is the candidate's ordinal. `key` is the sentence of several that most likely answers, if one
    stands out.
    """

    candidate: int
    start: int
    end: int
    score: float
    key: Span | None = None


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """Spans of neighbouring pieces, a row each: the first and the last piece, and the matches in them.

    The other fields are as in QueryMatches: `similarity` is the maximum over the pieces, counts are sums.
    """

    first: IntArray
    last: IntArray
    words: FloatArray
    grams: FloatArray
    years: FloatArray
    numbers: FloatArray
    capitals: FloatArray
    similarity: FloatArray


@dataclass(frozen=True, slots=True)
class RankedSpans:
    """All spans that may be quoted, with their features, evidence and scores, each of shape (spans,).

    `evidence` has the log-odds that a span is the answer, `sums` those that it contains the answer. `scores`
    add what its length counts. `lacking` is by how many passages a small library falls short of a shortlist.
    """

    spans: CandidateSpans
    features: Mapping[str, FloatArray]
    evidence: FloatArray
    sums: FloatArray
    scores: FloatArray
    coefficients: Coefficients
    lacking: int = 0

    @property
    def best_features(self) -> dict[str, float]:
        """The features of the span with the highest score, and its share of all evidence."""
        row = int(np.argmax(self.scores))
        best = {name: float(values[row]) for name, values in self.features.items()}
        usual = self.lacking * math.exp(self.coefficients.usual_passage - self.evidence.max())
        share = share_of(row, self.evidence, self.spans.first, self.spans.last, usual)
        return {**best, "share": share}


def share_of(row: int, evidence: FloatArray, first: IntArray, last: IntArray, usual: float = 0.0) -> float:
    """Return the share of the softmax that a span and those inside it have, as log-odds.

    It is high if no other place answers as well, and low where several documents say the same. `first` and
    `last` are the pieces of each span. `usual` is the weight of passages that a small library lacks, where
    that of the best span is 1: the only passage of a library would have all.
    """
    weights = np.exp(evidence - evidence.max())
    is_inside = _is_inside(row, first, last)
    own, others = float(weights[is_inside].sum()), float(weights[~is_inside].sum()) + usual
    log_odds = math.log(max(own, _MIN_SHARE) / max(others, _MIN_SHARE))
    return min(_MAX_SHARE_LOG_ODDS, max(-_MAX_SHARE_LOG_ODDS, log_odds))


def _is_inside(row: int, first: IntArray, last: IntArray) -> NDArray[np.bool_]:
    """Return for each span whether it is inside a span, or that span itself."""
    inside: NDArray[np.bool_] = (first >= first[row]) & (last <= last[row])
    return inside


def rank_spans(query: Query, matches: QueryMatches, candidates: Candidates, max_chars: int) -> RankedSpans:
    """Score the spans of at most `max_chars` characters in the shortlisted candidates."""
    by_passage = passage_features(query, matches)
    shortlisted = shortlist(by_passage)
    by_token = token_features(matches, shortlisted)
    by_passage |= by_token or {}
    spans = find_spans(matches, shortlisted, max_chars)
    spans = _without_fragments(spans, matches, candidates.passages, max_chars)
    features = {name: values[matches.owners[spans.first]] for name, values in by_passage.items()}
    features |= span_features(query, matches, spans, candidates.passages, shortlisted)
    features["length"] = (matches.ends[spans.last] - matches.starts[spans.first]) / max_chars
    if matches.meaning is None:
        coefficients = WORDS_ONLY
    else:
        coefficients = WITH_MEANING if by_token is None else WITH_TOKENS
    evidence = sum(
        (coefficient * features[name] for name, coefficient in coefficients.span.items()),
        np.zeros(len(spans.first)),
    )
    sums = sum_over_parts(evidence, spans.first, spans.last)
    scores = sums + coefficients.length * features["length"]
    lacking = max(SHORTLIST_SIZE - len(shortlisted), 0)
    return RankedSpans(spans, features, evidence, sums, scores, coefficients, lacking)


def sum_over_parts(evidence: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return for each span how likely the answer is one of the spans inside it, itself included.

    `evidence` has the log-odds of each span by itself, `first` and `last` its pieces. The result is the
    logarithm of the sum of their exponentials: a quote is right if any part of it answers.
    """
    rows, columns = first - first.min(), last - first
    # The span of row r and column c has the pieces r to r + c. Those that are no spans count 0.
    weights = np.zeros((int(rows.max()) + 2, int(columns.max()) + 1))
    highest = evidence.max()
    weights[rows, columns] = np.exp(np.maximum(evidence - highest, _MIN_LOG_ODDS))
    # Those that begin with the first piece, and those without it.
    sums = np.cumsum(weights, axis=1)
    for column in range(1, sums.shape[1]):
        sums[:-1, column] += sums[1:, column - 1]
    result: FloatArray = np.log(sums[rows, columns]) + highest
    return result


def find_spans(matches: QueryMatches, shortlisted: IntArray, max_chars: int) -> CandidateSpans:
    """Return all spans of at most `max_chars` characters in the shortlisted candidates.

    A single piece is a span whatever its length.
    """
    by_piece_count = list(_extend_spans(matches, shortlisted, max_chars))
    return CandidateSpans(
        *(
            np.concatenate([getattr(spans, field.name) for spans in by_piece_count])
            for field in fields(CandidateSpans)
        )
    )


def _without_fragments(
    spans: CandidateSpans, matches: QueryMatches, passages: Sequence[Passage], max_chars: int
) -> CandidateSpans:
    """Drop spans that are hard to understand alone, unless all are.

    These end in a colon or begin right after one, although what is cut off fits in a quote with the sentence
    next to it. Or they are labels of words that the question has, too.
    """
    leads_in, ends_sentence = np.zeros((2, len(matches.owners)), np.bool_)
    before, after = spans.first - 1, spans.last + 1
    for piece in np.unique(np.append(spans.last, np.maximum(before, 0))).tolist():
        passage = passages[matches.owners[piece]]
        text = passage.text[matches.starts[piece] : matches.ends[piece]]
        leads_in[piece] = text.endswith(LEAD_IN_ENDINGS)
        ends_sentence[piece] = text.rstrip(_CLOSING_MARKS).endswith(_SENTENCE_ENDINGS)
    ends_early = leads_in[spans.last] & _fit_together(spans.last, after, matches, max_chars)
    begins_late = leads_in[before] & _fit_together(before, spans.first, matches, max_chars)
    new_words = np.append(0, np.cumsum(matches.lengths - matches.words.sum(axis=1)))
    is_label = ~ends_sentence[spans.last] & (new_words[after] - new_words[spans.first] < 1)
    kept = ~(ends_early | begins_late | is_label)
    if not kept.any():
        return spans
    return CandidateSpans(*(getattr(spans, field.name)[kept] for field in fields(CandidateSpans)))


def _fit_together(
    first: IntArray, second: IntArray, matches: QueryMatches, max_chars: int
) -> NDArray[np.bool_]:
    """Return for pairs of adjacent pieces whether both exist, are of one candidate and fit in a quote."""
    exist = (first >= 0) & (second < len(matches.owners))
    second = np.minimum(second, len(matches.owners) - 1)
    fits: NDArray[np.bool_] = exist & (matches.owners[first] == matches.owners[second])
    return fits & (matches.ends[second] - matches.starts[first] <= max_chars)


def _extend_spans(matches: QueryMatches, shortlisted: IntArray, max_chars: int) -> Iterator[CandidateSpans]:
    """Yield the spans of one piece, then those of two and so on, each extended from a shorter span."""
    first = np.flatnonzero(np.isin(matches.owners, shortlisted))
    spans = CandidateSpans(
        first=first,
        last=first,
        words=matches.words[first],
        grams=matches.grams[first],
        years=matches.years[first],
        numbers=matches.numbers[first],
        capitals=matches.capitals[first],
        similarity=matches.similarity[first],
    )
    yield spans
    for _ in range(_MAX_PIECES - 1):
        piece, fits = _next_pieces(spans, matches, max_chars)
        if not fits.any():
            return
        piece = piece[fits]
        spans = CandidateSpans(
            first=spans.first[fits],
            last=piece,
            words=spans.words[fits] + matches.words[piece],
            grams=spans.grams[fits] + matches.grams[piece],
            years=spans.years[fits] + matches.years[piece],
            numbers=spans.numbers[fits] + matches.numbers[piece],
            capitals=spans.capitals[fits] + matches.capitals[piece],
            similarity=np.maximum(spans.similarity[fits], matches.similarity[piece]),
        )
        yield spans


def _next_pieces(
    spans: CandidateSpans, matches: QueryMatches, max_chars: int
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the piece after each span, and whether it is of the same candidate and fits in the quote."""
    piece = np.minimum(spans.last + 1, len(matches.owners) - 1)
    fits = (piece > spans.last) & (matches.owners[piece] == matches.owners[spans.first])
    fits &= matches.ends[piece] - matches.starts[spans.first] <= max_chars
    return piece, fits


def span_features(
    query: Query,
    matches: QueryMatches,
    spans: CandidateSpans,
    passages: Sequence[Passage],
    shortlisted: IntArray,
) -> dict[str, FloatArray]:
    """Return the features of the spans themselves and of what surrounds them, each of shape (spans,).

    `passages` are all candidates, `shortlisted` the ordinals of those that have spans.
    """
    content_idf, owners = matches.content_idf, matches.owners[spans.first]
    max_coverage = max(float(content_idf.sum()), 1e-9)
    coverage = spans.similarity @ content_idf
    row = np.empty(len(passages), np.intp)
    row[shortlisted] = np.arange(len(shortlisted))

    def gain(similarity: FloatArray) -> FloatArray:
        # The gain of the span's coverage from the words of a text around it.
        gained: FloatArray = (
            np.maximum(similarity, spans.similarity) @ content_idf - coverage
        ) / max_coverage
        return gained

    in_passage = matches.max_by_candidate(matches.similarity)[owners]
    in_headings = np.maximum(matches.headings.heading, matches.headings.title)[owners]
    nearby = nearby_similarity(matches, passages, shortlisted)[row[owners]]
    previous = np.maximum(spans.first - 1, 0)
    starts_passage = spans.first == matches.first_pieces[owners]
    opens_section = _first_in_sections(passages)
    has_previous = (previous < spans.first) & (matches.owners[previous] == owners)
    is_question = np.zeros(len(matches.owners))
    for piece in np.flatnonzero(np.isin(matches.owners, shortlisted)).tolist():
        words = passages[matches.owners[piece]].text[matches.starts[piece] : matches.ends[piece]]
        is_question[piece] = words.rstrip(_CLOSING_MARKS).endswith(_QUESTION_MARKS)
    return {
        "coverage": coverage / max_coverage,
        "coverage_with_headings": np.maximum(spans.similarity, in_headings) @ content_idf / max_coverage,
        "frequency": spans.words / (spans.words + _COUNT_SATURATION) @ content_idf / max_coverage,
        "span_grams": _weighted_share(np.minimum(spans.grams, 1), gram_idf(matches)),
        "passage_gain": gain(np.maximum(in_passage, in_headings)),
        "nearby_gain": gain(np.maximum(nearby, in_passage)) - gain(in_passage),
        "previous_gain": gain(matches.similarity[previous]) * has_previous,
        "starts_lowercase": matches.starts_lowercase[spans.first],
        "asks": (mean_over_pieces(is_question[:, None], matches, spans)[:, 0] > _MAX_QUESTION_SHARE).astype(
            np.float64
        ),
        "starts_passage": starts_passage.astype(np.float64),
        "starts_section": (starts_passage & opens_section[owners]).astype(np.float64),
        "span_meaning": _meaning_feature(matches, spans),
        "answer_likeness": _answer_likeness(matches, spans),
        "number": (query.wants_time or query.wants_number) * (spans.numbers > 0),
        "year": query.wants_time * (spans.years > 0),
        "person": query.wants_person * (spans.capitals > 0),
    }


def _meaning_feature(matches: QueryMatches, spans: CandidateSpans) -> FloatArray:
    """Return how similar each span is to the question, above the baseline.

    The vector of a span is the mean of its pieces' vectors, weighted by their lengths.
    """
    meaning = matches.meaning
    if meaning is None:
        return np.zeros(len(spans.first))
    vectors = mean_over_pieces(meaning.pieces, matches, spans)
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    similarity: FloatArray = vectors @ meaning.question / norms - meaning.baselines[spans.first]
    return similarity * MEANING_SCALE


def _first_in_sections(passages: Sequence[Passage]) -> NDArray[np.bool_]:
    """Return for each candidate whether it is the first of those below the same headings of its document."""
    first: dict[tuple[str, tuple[str, ...]], int] = {}
    for passage in passages:
        section = (passage.document_name, passage.heading)
        first[section] = min(first.get(section, passage.span.start), passage.span.start)
    return np.array(
        [passage.span.start == first[passage.document_name, passage.heading] for passage in passages],
        np.bool_,
    )


def _answer_likeness(matches: QueryMatches, spans: CandidateSpans) -> FloatArray:
    """Return how much the mean vector of each span is like those of sentences that answer questions."""
    if matches.meaning is None or matches.meaning.answer_likeness is None:
        return np.zeros(len(spans.first))
    return mean_over_pieces(matches.meaning.answer_likeness[:, None], matches, spans)[:, 0]


def mean_over_pieces(values: NDArray[Any], matches: QueryMatches, spans: CandidateSpans) -> FloatArray:
    """Return the means over the pieces of each span, weighted by their lengths in characters.

    `values` has a row for each piece, the result one for each span.
    """
    lengths = (matches.ends - matches.starts).astype(np.float32)
    sums = np.zeros((len(lengths) + 1, values.shape[1]), np.float64)
    np.cumsum(values * lengths[:, None], axis=0, out=sums[1:])
    ends = np.append(0, np.cumsum(lengths, dtype=np.float64))
    total = np.maximum(ends[spans.last + 1] - ends[spans.first], 1)
    means: FloatArray = (sums[spans.last + 1] - sums[spans.first]) / total[:, None]
    return means


def _weighted_share(values: FloatArray, weights: FloatArray) -> FloatArray:
    total = np.maximum(weights.sum(axis=-1), 1e-9)
    shares: FloatArray = (values * weights).sum(axis=1) / total
    return shares


def select_quotes(
    ranking: RankedSpans, matches: QueryMatches, passages: Sequence[Passage], top: int
) -> list[Excerpt]:
    """Return up to `top` spans that neither overlap nor say the same in the same words, best first.

    They are without the sentences at their ends that add next to nothing.
    """
    spans, scores = ranking.spans, ranking.scores.copy()
    selected: list[Excerpt] = []
    texts: list[str] = []
    while len(selected) < top and scores.max() > -np.inf:
        best = int(np.argmax(scores))
        row = _without_idle_sentences(best, ranking, matches)
        first, last = spans.first[row], spans.last[row]
        excerpt = Excerpt(
            candidate=int(matches.owners[first]),
            start=int(matches.starts[first]),
            end=int(matches.ends[last]),
            score=float(scores[best]),
            key=_key_sentence(ranking, row, matches),
        )
        text = passages[excerpt.candidate].text[excerpt.start : excerpt.end]
        words = f" {' '.join(text.casefold().split())} "
        if any(words in other for other in texts):
            scores[best] = -np.inf
            continue
        selected.append(excerpt)
        texts.append(words)
        scores[(spans.first <= last) & (spans.last >= first)] = -np.inf
    return selected


def _without_idle_sentences(row: int, ranking: RankedSpans, matches: QueryMatches) -> int:
    """Return the shortest span inside a span that has most of its evidence."""
    first, last = ranking.spans.first, ranking.spans.last
    inside = np.flatnonzero(_is_inside(row, first, last))
    has_most = inside[ranking.sums[inside] >= ranking.sums[row] + math.log(_MIN_KEPT_SHARE)]
    return int(has_most[np.argmin(matches.ends[last[has_most]] - matches.starts[first[has_most]])])


def _key_sentence(ranking: RankedSpans, row: int, matches: QueryMatches) -> Span | None:
    """Return the sentence of a span with most of its evidence, if it has several and one stands out."""
    first, last = ranking.spans.first, ranking.spans.last
    if first[row] == last[row]:
        return None
    sentences = np.flatnonzero(_is_inside(row, first, last) & (first == last))
    if not len(sentences):
        return None
    best = sentences[np.argmax(ranking.evidence[sentences])]
    if ranking.evidence[best] < ranking.sums[row] + math.log(_MIN_KEY_SHARE):
        return None
    return Span(int(matches.starts[first[best]]), int(matches.ends[last[best]]))


def with_explanations(
    excerpts: Sequence[Excerpt], matches: QueryMatches, passages: Sequence[Passage], max_chars: int
) -> list[Excerpt]:
    """Extend excerpts that cut the short first sentence of a paragraph from the sentence after it.

    They have at most `max_chars` characters then. Excerpts that overlap an earlier one are dropped.
    """
    kept: list[Excerpt] = []
    for excerpt in excerpts:
        extended = _with_explanation(excerpt, matches, passages[excerpt.candidate], max_chars)
        if not any(
            extended.candidate == other.candidate
            and extended.start < other.end
            and other.start < extended.end
            for other in kept
        ):
            kept.append(extended)
    return kept


def _with_explanation(excerpt: Excerpt, matches: QueryMatches, passage: Passage, max_chars: int) -> Excerpt:
    # Rows are not sentences.
    if passage.unit in ROW_UNITS:
        return excerpt
    rows = np.flatnonzero(matches.owners == excerpt.candidate)
    spans = [
        Span(*bounds)
        for bounds in zip(matches.starts[rows].tolist(), matches.ends[rows].tolist(), strict=True)
    ]
    paragraph_starts = {0, *passage.paragraphs}
    for label, explanation in pairwise(spans):
        first, last = (bisect_right(passage.paragraphs, span.start) for span in (label, explanation))
        if first != last or label.start not in paragraph_starts or len(label) > _MAX_LABEL_CHARS:
            continue
        start, end = excerpt.start, excerpt.end
        if excerpt.end == label.end:
            end = explanation.end
        elif excerpt.start == explanation.start:
            start = label.start
        if end - start <= max_chars:
            excerpt = replace(excerpt, start=start, end=end)
    return excerpt


def shorten(citation: Citation, max_chars: int) -> Citation:
    """Return the sentences of a quote with the most matched words, at most `max_chars` characters together.

    A quote without a sentence that short stays whole.
    """
    if len(citation.quote) <= max_chars:
        return citation
    sentences = pieces(citation.quote, citation.passage.language, len(citation.quote))
    parts = _longest_spans(sentences, max_chars)
    if not parts:
        return citation
    offset = citation.span.start
    matched = [Span(span.start - offset, span.end - offset) for span in citation.highlights]
    best = max(parts, key=lambda part: (_overlap(part, matched), len(part)))
    return _cut(citation, Span(offset + best.start, offset + best.end))


def _longest_spans(sentences: Sequence[Span], max_chars: int) -> list[Span]:
    """Return for each sentence that fits the longest span of sentences that starts with it."""
    starts = [sentence.start for sentence in sentences]
    ends = [sentence.end for sentence in sentences]
    last = [bisect_right(ends, start + max_chars) - 1 for start in starts]
    return [Span(starts[first], ends[end]) for first, end in enumerate(last) if end >= first]


def _overlap(part: Span, matched: Sequence[Span]) -> int:
    """Return how many characters of a part are matched."""
    return sum(max(min(part.end, span.end) - max(part.start, span.start), 0) for span in matched)


def _cut(citation: Citation, span: Span) -> Citation:
    """Return the citation of a part of a quote; `span` is of the document's text."""
    passage = citation.passage
    start, end = span.start - passage.span.start, span.end - passage.span.start
    line, line_end = line_range(passage, start, end)
    paragraph = paragraph_number(passage, start)
    return replace(
        citation,
        span=span,
        quote=passage.text[start:end],
        highlights=tuple(mark for mark in citation.highlights if _overlap(span, [mark])),
        locator=replace(citation.locator, line=line, line_end=line_end, paragraph=paragraph),
    )


_log = logging.getLogger(__name__)

# Quotes after the first that have no word of the question need at least this share of the first quote's
# score, and at least this score. Quotes unrelated to the question score less.
_MIN_SHARE_OF_BEST_SCORE = 0.7
_MIN_LATER_SCORE = 6.0
# A word with another term is highlighted if it shares more than this part of its grams with a query word.
_MIN_HIGHLIGHT_GRAM_SHARE = 0.6


def match_forms(query: Query, forms: Vocabulary) -> NDArray[np.bool_]:
    """Return which forms are, or resemble, a content word of the query, with shape (forms,)."""
    words = [word for word in query.words if word.is_content]
    is_match = forms.map_terms({digest(term): 0 for word in words for term in word.terms}) >= 0
    grams_by_word = [set(grams(word.spelling)) for word in words if len(word.spelling) > GRAM_CHARS]
    if not grams_by_word:
        return is_match
    query_grams = list(set().union(*grams_by_word))
    matched_grams, matched_forms = forms.find_grams(query_grams)
    for word_grams in grams_by_word:
        is_own = np.array([gram in word_grams for gram in query_grams])
        shared = np.bincount(matched_forms[is_own[matched_grams]], minlength=len(forms))
        is_match |= shared > _MIN_HIGHLIGHT_GRAM_SHARE * np.maximum(forms.grams.lengths, len(word_grams))
    return is_match


def find_highlights(
    forward: ForwardIndex, row: int, is_match: NDArray[np.bool_], start: int, end: int
) -> tuple[Span, ...]:
    """Return the spans of matching words between two offsets of a passage, in order.

    `row` is the passage's row of the forward index, `is_match` is as match_forms returns it. Spans that
    overlap or touch are merged.
    """
    tokens = slice(*forward.tokens.offsets[row : row + 2].tolist())
    starts, forms = forward.starts[tokens], forward.tokens.values[tokens]
    inside = slice(*np.searchsorted(starts, [start, end]).tolist())
    starts, forms = starts[inside], forms[inside]
    lengths = forward.vocabulary.lengths[forms]
    spans: list[Span] = []
    for token in np.flatnonzero(is_match[forms]).tolist():
        first = int(starts[token])
        span = Span(first, min(first + int(lengths[token]), end))
        if spans and span.start <= spans[-1].end:
            span = Span(spans[-1].start, max(spans.pop().end, span.end))
        spans.append(span)
    return tuple(spans)


def cite(passage: Passage, excerpt: Excerpt, rank: int, highlights: Iterable[Span]) -> Citation:
    """Return the citation of an excerpt; `highlights` are spans of its passage."""
    offset = passage.span.start
    return Citation(
        rank=rank,
        document_name=passage.document_name,
        title=passage.title,
        span=Span(offset + excerpt.start, offset + excerpt.end),
        quote=passage.text[excerpt.start : excerpt.end],
        highlights=tuple(Span(offset + span.start, offset + span.end) for span in highlights),
        score=excerpt.score,
        locator=_locate(passage, excerpt),
        passage=passage,
        key=excerpt.key and Span(offset + excerpt.key.start, offset + excerpt.key.end),
    )


def _locate(passage: Passage, excerpt: Excerpt) -> Locator:
    line, line_end = line_range(passage, excerpt.start, excerpt.end)
    return Locator(
        heading=passage.section,
        page=passage.page,
        line=line,
        line_end=line_end,
        paragraph=paragraph_number(passage, excerpt.start),
        unit=passage.unit,
        label=place_label(passage, excerpt.start),
        is_scanned=passage.scan_confidence(excerpt.start, excerpt.end) is not None,
        parent=passage.parent_section,
    )


def place_label(passage: Passage, start: int) -> str | None:
    """Return the label of the place at an offset of a passage."""
    later = bisect_right(passage.labels, start, key=lambda place: place.start)
    return passage.labels[later - 1].label if later else passage.label


def paragraph_number(passage: Passage, start: int) -> int:
    """Return the number, in its document, of the paragraph at an offset of a passage."""
    return passage.paragraph + bisect_right(passage.paragraphs, start)


def line_range(passage: Passage, start: int, end: int) -> tuple[int, int]:
    """Return the first and the last source line of a part of a passage."""
    marks = passage.lines
    if not marks:
        line = passage.line + passage.text.count("\n", 0, start)
        return line, line + passage.text.count("\n", start, end)
    first, last = (
        bisect_right(marks, offset, key=lambda mark: mark.start) - 1
        for offset in (start, max(start, end - 1))
    )
    return marks[first].line, marks[last].line


def drop_unlikely(answer: Answer) -> Answer:
    """Drop further quotes that are unlikely to answer."""
    citations = answer.citations
    likely = tuple(
        citation
        for citation in citations
        if citation is citations[0]
        or citation.highlights
        or citation.score >= max(citations[0].score * _MIN_SHARE_OF_BEST_SCORE, _MIN_LATER_SCORE)
    )
    are_parts_kept = likely[: answer.parts] == citations[: answer.parts]
    return replace(answer, citations=likely, parts=answer.parts if are_parts_kept else 1)


def drop_altered(citations: Sequence[Citation]) -> list[Citation]:
    """Drop quotes that are not verbatim, which is logged."""
    verified = [citation for citation in citations if citation.is_verbatim]
    if len(verified) < len(citations):
        documents = sorted(
            {logged_name(citation.document_name) for citation in citations if not citation.is_verbatim}
        )
        _log.error("A quote differs from its document and is not sent: %s", documents)
    return verified
