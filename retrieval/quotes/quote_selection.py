"""Selection of quotes: spans of whole sentences, scored by their features over all candidates at once."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from retrieval.index.interface import Candidates
from retrieval.model import Citation, Passage, Span
from retrieval.query.match_features import (
    MEANING_SCALE,
    FloatArray,
    IntArray,
    MatchFeatures,
    gram_idf,
    nearby_similarity,
    passage_features,
    shortlist,
    token_similarity,
)
from retrieval.query.query import Query
from retrieval.quotes.citations import Excerpt, line_range, paragraph_number
from retrieval.quotes.confidence import WITH_MEANING, WITH_TOKENS, WORDS_ONLY, Coefficients
from retrieval.sentences import pieces

# A span of more pieces is a list of short items, not sentences.
_MAX_PIECES = 24
# The count of a word at which its frequency feature is 0.5; K1 of the first stage has this value, too.
_COUNT_SATURATION = 0.6
# What a span loses next to a selected one, where "Show context" would show it anyway. Excluding such spans
# costs 5 to 8 of 100 answers in the first three quotes.
_ADJACENT_PENALTY = 0.5


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """Spans of neighbouring pieces, a row each: the first and the last piece, and the matches in them.

    The other fields are as in MatchFeatures: `similarity` is the maximum over the pieces, counts are sums.
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
    """All spans that may be quoted, with their features and scores, each of shape (spans,)."""

    spans: CandidateSpans
    features: Mapping[str, FloatArray]
    scores: FloatArray
    coefficients: Coefficients

    @property
    def best_features(self) -> dict[str, float]:
        """The features of the span with the highest score."""
        row = int(np.argmax(self.scores))
        return {name: float(values[row]) for name, values in self.features.items()}


def rank_spans(query: Query, matches: MatchFeatures, candidates: Candidates, max_chars: int) -> RankedSpans:
    """Score the spans of at most `max_chars` characters in the shortlisted candidates."""
    by_passage = passage_features(query, matches)
    shortlisted = shortlist(by_passage)
    by_token = token_similarity(matches, shortlisted)
    if by_token is not None:
        by_passage["token_meaning"] = by_token
    spans = find_spans(matches, shortlisted, max_chars)
    features = {name: values[matches.owners[spans.first]] for name, values in by_passage.items()}
    features |= span_features(query, matches, spans, candidates.passages, shortlisted)
    features["length"] = (matches.ends[spans.last] - matches.starts[spans.first]) / max_chars
    if matches.meaning is None:
        coefficients = WORDS_ONLY
    else:
        coefficients = WITH_MEANING if by_token is None else WITH_TOKENS
    scores = sum(
        (coefficient * features[name] for name, coefficient in coefficients.quote.items()),
        np.zeros(len(spans.first)),
    )
    return RankedSpans(spans, features, scores, coefficients)


def find_spans(matches: MatchFeatures, shortlisted: IntArray, max_chars: int) -> CandidateSpans:
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


def _extend_spans(matches: MatchFeatures, shortlisted: IntArray, max_chars: int) -> Iterator[CandidateSpans]:
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
        piece = np.minimum(spans.last + 1, len(matches.owners) - 1)
        fits = (piece > spans.last) & (matches.owners[piece] == matches.owners[spans.first])
        fits &= matches.ends[piece] - matches.starts[spans.first] <= max_chars
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


def span_features(
    query: Query,
    matches: MatchFeatures,
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
        # What the span's coverage would gain from the words of a text around it.
        gained: FloatArray = (
            np.maximum(similarity, spans.similarity) @ content_idf - coverage
        ) / max_coverage
        return gained

    in_passage = matches.max_by_candidate(matches.similarity)[owners]
    in_context = np.maximum(matches.context.heading, matches.context.title)[owners]
    nearby = nearby_similarity(matches, passages, shortlisted)[row[owners]]
    previous = np.maximum(spans.first - 1, 0)
    has_previous = (previous < spans.first) & (matches.owners[previous] == owners)
    return {
        "coverage": coverage / max_coverage,
        "frequency": spans.words / (spans.words + _COUNT_SATURATION) @ content_idf / max_coverage,
        "span_grams": _weighted_share(np.minimum(spans.grams, 1), gram_idf(matches)),
        "passage_gain": gain(np.maximum(in_passage, in_context)),
        "nearby_gain": gain(np.maximum(nearby, in_passage)) - gain(in_passage),
        "previous_gain": gain(matches.similarity[previous]) * has_previous,
        "starts_lowercase": matches.starts_lowercase[spans.first],
        "starts_passage": (spans.first == matches.first_pieces[owners]).astype(np.float64),
        "span_meaning": _meaning_feature(matches, spans),
        "number": (query.wants_time or query.wants_number) * (spans.numbers > 0),
        "year": query.wants_time * (spans.years > 0),
        "person": query.wants_person * (spans.capitals > 0),
    }


def _meaning_feature(matches: MatchFeatures, spans: CandidateSpans) -> FloatArray:
    """Return how similar each span is to the question, above the baseline.

    The vector of a span is the mean of its pieces' vectors, weighted by their lengths.
    """
    meaning = matches.meaning
    if meaning is None:
        return np.zeros(len(spans.first))
    lengths = (matches.ends - matches.starts).astype(np.float32)
    sums = np.zeros((len(lengths) + 1, meaning.pieces.shape[1]), np.float64)
    np.cumsum(meaning.pieces * lengths[:, None], axis=0, out=sums[1:])
    vectors = sums[spans.last + 1] - sums[spans.first]
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    similarity: FloatArray = vectors @ meaning.question / norms - meaning.baselines[spans.first]
    return similarity * MEANING_SCALE


def _weighted_share(values: FloatArray, weights: FloatArray) -> FloatArray:
    total = np.maximum(weights.sum(axis=-1), 1e-9)
    shares: FloatArray = (values * weights).sum(axis=1) / total
    return shares


def select_quotes(ranking: RankedSpans, matches: MatchFeatures, top: int) -> list[Excerpt]:
    """Return up to `top` spans that do not overlap, best first."""
    spans, scores = ranking.spans, ranking.scores.copy()
    selected: list[Excerpt] = []
    while len(selected) < top and scores.max() > -np.inf:
        row = int(np.argmax(scores))
        first, last = spans.first[row], spans.last[row]
        selected.append(
            Excerpt(
                candidate=int(matches.owners[first]),
                start=int(matches.starts[first]),
                end=int(matches.ends[last]),
                score=float(ranking.scores[row]),
            )
        )
        is_adjacent = (spans.first == last + 1) | (spans.last == first - 1)
        scores[is_adjacent & (matches.owners[spans.first] == matches.owners[first])] -= _ADJACENT_PENALTY
        scores[(spans.first <= last) & (spans.last >= first)] = -np.inf
    return selected


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
