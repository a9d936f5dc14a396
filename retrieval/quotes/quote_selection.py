"""Selects quotes: spans of whole sentences, scored by their features over all candidates at once."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from retrieval.index.protocol import Candidates
from retrieval.model import Citation, Passage, Span
from retrieval.query.query import Query
from retrieval.query.reranker import (
    MEANING_SCALE,
    Array,
    MatchFeatures,
    Numbers,
    gram_weights,
    keep,
    likeness_nearby,
    passage_features,
)
from retrieval.quotes.citations import Excerpt, lines, paragraph
from retrieval.quotes.scoring import MEANING, WORDS, Weights
from retrieval.sentences import pieces

# A run of more pieces than this is a list of short items, not sentences.
_MOST_PIECES = 24


@dataclass(frozen=True, slots=True)
class CandidateSpans:
    """A run a row: its first and last pieces, their counts added up, and the greatest likeness.

    `words`, `grams`, `likeness`, `years`, `numbers` and `capitals` are as in Evidence.
    """

    first: Numbers
    last: Numbers
    words: Array
    grams: Array
    years: Array
    numbers: Array
    capitals: Array
    likeness: Array


def find_spans(evidence: MatchFeatures, kept: Numbers, longest: int) -> CandidateSpans:
    """Find all runs of at most `longest` characters in the kept candidates; a single piece always fits."""
    grown = list(_grow(evidence, kept, longest))
    return CandidateSpans(
        *(np.concatenate([getattr(runs, field.name) for runs in grown]) for field in fields(CandidateSpans))
    )


def _grow(evidence: MatchFeatures, kept: Numbers, longest: int) -> Iterator[CandidateSpans]:
    """Begin with every piece, then grow all runs together, a piece at a time, while they fit."""
    start = np.flatnonzero(np.isin(evidence.owners, kept))
    runs = CandidateSpans(
        first=start,
        last=start,
        words=evidence.words[start],
        grams=evidence.grams[start],
        years=evidence.years[start],
        numbers=evidence.numbers[start],
        capitals=evidence.capitals[start],
        likeness=evidence.likeness[start],
    )
    yield runs
    for _ in range(_MOST_PIECES - 1):
        piece = np.minimum(runs.last + 1, len(evidence.owners) - 1)
        fits = (piece > runs.last) & (evidence.owners[piece] == evidence.owners[runs.first])
        fits &= evidence.ends[piece] - evidence.starts[runs.first] <= longest
        if not fits.any():
            return
        piece = piece[fits]
        runs = CandidateSpans(
            first=runs.first[fits],
            last=piece,
            words=runs.words[fits] + evidence.words[piece],
            grams=runs.grams[fits] + evidence.grams[piece],
            years=runs.years[fits] + evidence.years[piece],
            numbers=runs.numbers[fits] + evidence.numbers[piece],
            capitals=runs.capitals[fits] + evidence.capitals[piece],
            likeness=np.maximum(runs.likeness[fits], evidence.likeness[piece]),
        )
        yield runs


_SATURATION = 0.6  # as k1 in BM25


def run_features(
    question: Query, evidence: MatchFeatures, runs: CandidateSpans, passages: Sequence[Passage], kept: Numbers
) -> dict[str, Array]:
    """Weigh the runs by themselves; `passages` are the candidates', `kept` those the runs are of."""
    content, owners = evidence.content, evidence.owners[runs.first]
    ideal = max(float(content.sum()), 1e-9)
    covered = runs.likeness @ content
    row = np.empty(len(passages), np.intp)
    row[kept] = np.arange(len(kept))

    def gain(others: Array) -> Array:
        # What coverage would gain from others' words beside the run's own.
        gained: Array = (np.maximum(others, runs.likeness) @ content - covered) / ideal
        return gained

    in_passage = evidence.greatest(evidence.likeness)[owners]
    in_title = np.maximum(evidence.context.heading, evidence.context.title)[owners]
    nearby = likeness_nearby(evidence, passages, kept)[row[owners]]
    previous = np.maximum(runs.first - 1, 0)
    has_previous = (previous < runs.first) & (evidence.owners[previous] == owners)
    return {
        "alike": covered / ideal,
        "often": runs.words / (runs.words + _SATURATION) @ content / ideal,
        "run_grams": _share(np.minimum(runs.grams, 1), gram_weights(evidence)),
        "rest": gain(np.maximum(in_passage, in_title)),
        "near": gain(np.maximum(nearby, in_passage)) - gain(in_passage),
        "previous": gain(evidence.likeness[previous]) * has_previous,
        "small": evidence.small[runs.first],
        "opens": (runs.first == evidence.first[owners]).astype(np.float64),
        "run_meaning": _run_meaning(evidence, runs),
        "number": (question.wants_time or question.wants_number) * (runs.numbers > 0),
        "year": question.wants_time * (runs.years > 0),
        "person": question.wants_person * (runs.capitals > 0),
    }


def length_feature(evidence: MatchFeatures, runs: CandidateSpans, longest: int) -> Array:
    """Return the length of each span as a share of the longest quote."""
    shares: Array = (evidence.ends[runs.last] - evidence.starts[runs.first]) / longest
    return shares


def _run_meaning(evidence: MatchFeatures, runs: CandidateSpans) -> Array:
    """Return how similar each run is to the question.

    A run's vector is the mean of its pieces', by their lengths.
    """
    meaning = evidence.meaning
    if meaning is None:
        return np.zeros(len(runs.first))
    lengths = (evidence.ends - evidence.starts).astype(np.float32)
    sums = np.zeros((len(lengths) + 1, meaning.pieces.shape[1]), np.float64)
    np.cumsum(meaning.pieces * lengths[:, None], axis=0, out=sums[1:])
    vectors = sums[runs.last + 1] - sums[runs.first]
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    similar: Array = vectors @ meaning.question / norms - meaning.baselines[runs.first]
    return similar * MEANING_SCALE


def _share(likeness: Array, weights: Array) -> Array:
    ideal = np.maximum(weights.sum(axis=-1), 1e-9)
    shares: Array = (likeness * weights).sum(axis=1) / ideal
    return shares


def shorten(citation: Citation, longest: int) -> Citation:
    """Return the part of a quote with the most matched words: whole sentences, at most `longest` characters.

    A quote without a sentence that short stays whole.
    """
    if len(citation.quote) <= longest:
        return citation
    runs = _runs(pieces(citation.quote, citation.passage.language, len(citation.quote)), longest)
    if not runs:
        return citation
    found = citation.span.start
    matched = [Span(span.start - found, span.end - found) for span in citation.highlights]
    best = max(runs, key=lambda run: (_overlap(run, matched), len(run)))
    return _part(citation, Span(found + best.start, found + best.end))


def _runs(sentences: Sequence[Span], longest: int) -> list[Span]:
    """Return the longest run of sentences from each one on."""
    starts = [sentence.start for sentence in sentences]
    ends = [sentence.end for sentence in sentences]
    last = [bisect_right(ends, start + longest) - 1 for start in starts]
    return [Span(starts[first], ends[end]) for first, end in enumerate(last) if end >= first]


def _overlap(run: Span, matched: Sequence[Span]) -> int:
    return sum(max(min(run.end, span.end) - max(run.start, span.start), 0) for span in matched)


def _part(citation: Citation, span: Span) -> Citation:
    passage = citation.passage
    start, end = span.start - passage.span.start, span.end - passage.span.start
    line, line_end = lines(passage, start, end)
    return replace(
        citation,
        span=span,
        quote=passage.text[start:end],
        highlights=tuple(one for one in citation.highlights if _overlap(span, [one])),
        locator=replace(citation.locator, line=line, line_end=line_end, paragraph=paragraph(passage, start)),
    )


# What a quote loses for standing beside one already chosen, as "wider context" would show it anyway.
# Forbidding it altogether costs 5 to 8 of 100 answers in the first three quotes.
_BESIDE = 0.5


@dataclass(frozen=True, slots=True)
class RankedSpans:
    """All runs that may be quoted.

    `features` tells what speaks for each (a value a run), `scores` weighs that by `weights`.
    """

    runs: CandidateSpans
    features: Mapping[str, Array]
    scores: Array
    weights: Weights

    @property
    def best(self) -> dict[str, float]:
        """The features of the best run."""
        run = int(np.argmax(self.scores))
        return {name: float(values[run]) for name, values in self.features.items()}


def rank_spans(question: Query, evidence: MatchFeatures, candidates: Candidates, longest: int) -> RankedSpans:
    """Score the runs of at most `longest` characters in the candidates worth a closer look."""
    of_passage = passage_features(question, evidence)
    kept = keep(of_passage)
    runs = find_spans(evidence, kept, longest)
    features = {name: values[evidence.owners[runs.first]] for name, values in of_passage.items()}
    features |= run_features(question, evidence, runs, candidates.passages, kept)
    features["length"] = length_feature(evidence, runs, longest)
    weights = WORDS if evidence.meaning is None else MEANING
    scores = sum(
        (weight * features[name] for name, weight in weights.quote.items()), np.zeros(len(runs.first))
    )
    return RankedSpans(runs, features, scores, weights)


def select_quotes(ranking: RankedSpans, evidence: MatchFeatures, top: int) -> list[Excerpt]:
    """Choose up to `top` runs, best first, that do not overlap; beside a chosen one it has to be better."""
    runs, scores = ranking.runs, ranking.scores.copy()
    chosen: list[Excerpt] = []
    while len(chosen) < top and scores.max() > -np.inf:
        run = int(np.argmax(scores))
        first, last = runs.first[run], runs.last[run]
        chosen.append(
            Excerpt(
                candidate=int(evidence.owners[first]),
                start=int(evidence.starts[first]),
                end=int(evidence.ends[last]),
                score=float(ranking.scores[run]),
            )
        )
        touching = (runs.first == last + 1) | (runs.last == first - 1)
        scores[touching & (evidence.owners[runs.first] == evidence.owners[first])] -= _BESIDE
        scores[(runs.first <= last) & (runs.last >= first)] = -np.inf
    return chosen
