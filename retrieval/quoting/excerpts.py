"""The quote: the run of whole pieces that best answers the question, over all kept candidates at once."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retrieval.model import Passage
from retrieval.quoting.weights import WEIGHTS
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.evidence import Array, Evidence, Numbers, inverse_document_frequency
from retrieval.ranking.index import Candidates
from retrieval.ranking.question import Question
from retrieval.ranking.rerank import keep, neighbours, passage_features

# A run of more pieces than this is a list of short items, not sentences.
_MOST_PIECES = 24


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A run of pieces of one candidate (by ordinal); `start` and `end` count from its passage's start."""

    candidate: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs that may be quoted: their first and last pieces, and their features (run by feature)."""

    first: Numbers
    last: Numbers
    features: Array
    names: tuple[str, ...]

    @property
    def scores(self) -> Array:
        scores: Array = self.features @ [WEIGHTS[name] for name in self.names]
        return scores


def choose(runs: Runs, evidence: Evidence, top: int) -> list[Excerpt]:
    """Choose up to `top` runs, best first, that do not overlap."""
    scores = runs.scores
    taken = np.zeros(len(evidence.owners), bool)
    chosen: list[Excerpt] = []
    for run in np.argsort(-scores, kind="stable"):
        first, last = runs.first[run], runs.last[run]
        if taken[first : last + 1].any():
            continue
        taken[first : last + 1] = True
        chosen.append(
            Excerpt(
                candidate=int(evidence.owners[first]),
                start=int(evidence.starts[first]),
                end=int(evidence.ends[last]),
                score=float(scores[run]),
            )
        )
        if len(chosen) == top:
            break
    return chosen


def find_runs(question: Question, evidence: Evidence, candidates: Candidates, longest: int) -> Runs:
    """List the runs of at most `longest` characters in the best candidates, with all that speaks for each."""
    of_passage = passage_features(question, evidence, candidates)
    kept = keep(of_passage)
    passages = [candidates.passage(int(number)) for number in candidates.numbers]
    first, last, held = _runs(evidence, kept, longest)
    row = np.argsort(kept)[np.searchsorted(np.sort(kept), evidence.owners[first])]
    outside = _Outside(
        titles=np.stack([_in_title(question, passages[ordinal]) for ordinal in kept])[row],
        near=neighbours(evidence, passages, kept)[row],
    )
    features = {name: values[evidence.owners[first]] for name, values in of_passage.items()}
    features |= _run_features(question, evidence, first, last, held, outside, longest)
    return Runs(first, last, np.stack([features[name] for name in WEIGHTS], axis=1), tuple(WEIGHTS))


@dataclass(frozen=True, slots=True)
class _Held:
    """What each run holds: `words`, `grams` add up its pieces, `likeness` and `best` take the greatest."""

    words: Array
    grams: Array
    likeness: Array
    best: Array
    years: Array
    capitals: Array


@dataclass(frozen=True, slots=True)
class _Outside:
    """What of the question's words stands around each run's passage."""

    titles: Array
    near: Array


def _runs(evidence: Evidence, kept: Numbers, longest: int) -> tuple[Numbers, Numbers, _Held]:
    """Grow all runs of the kept candidates together, a piece at a time, while they fit."""
    is_kept = np.zeros(len(evidence.first), bool)
    is_kept[kept] = True
    first = np.flatnonzero(is_kept[evidence.owners])
    last = first
    coverage = evidence.likeness @ evidence.content
    held = _Held(
        evidence.words[first],
        evidence.grams[first],
        evidence.likeness[first],
        coverage[first],
        evidence.years[first],
        evidence.capitals[first],
    )
    grown = [(first, last, held)]
    for _ in range(_MOST_PIECES - 1):
        following = np.minimum(last + 1, len(evidence.owners) - 1)
        fits = (last + 1 < len(evidence.owners)) & (evidence.owners[following] == evidence.owners[first])
        fits &= evidence.ends[following] - evidence.starts[first] <= longest
        if not fits.any():
            break
        first, last = first[fits], following[fits]
        held = _Held(
            held.words[fits] + evidence.words[last],
            held.grams[fits] + evidence.grams[last],
            np.maximum(held.likeness[fits], evidence.likeness[last]),
            np.maximum(held.best[fits], coverage[last]),
            held.years[fits] + evidence.years[last],
            held.capitals[fits] + evidence.capitals[last],
        )
        grown.append((first, last, held))
    firsts, lasts, parts = zip(*grown, strict=True)
    joined = _Held(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Held.__slots__))
    return np.concatenate(firsts), np.concatenate(lasts), joined


def _run_features(
    question: Question,
    evidence: Evidence,
    first: Numbers,
    last: Numbers,
    held: _Held,
    outside: _Outside,
    longest: int,
) -> dict[str, Array]:
    content = evidence.content
    ideal = max(content.sum(), 1e-9)
    owners = evidence.owners[first]
    in_passage = evidence.greatest(np.minimum(evidence.words, 1))
    of_passage = evidence.greatest(evidence.likeness)[owners]
    covered = held.likeness @ content

    def gain(others: Array) -> Array:
        """What coverage would gain from others' words beside the run's own."""
        gained: Array = (np.maximum(others, held.likeness) @ content - covered) / ideal
        return gained

    def share(likeness: Array, weights: Array) -> Array:
        shares: Array = (likeness * weights).sum(axis=1) / np.maximum(
            np.broadcast_to(weights, likeness.shape).sum(axis=1), 1e-9
        )
        return shares

    is_content = content > 0
    among_candidates = inverse_document_frequency((in_passage > 0).sum(axis=0), len(in_passage)) * is_content
    pieces = np.bincount(evidence.owners)[owners]
    within = evidence.total(np.minimum(evidence.words, 1))[owners]
    within_passage = np.log((pieces[:, None] + 1) / np.maximum(within, 0.5)) * content
    gram_idf = inverse_document_frequency((evidence.total(evidence.grams) > 0).sum(axis=0), len(in_passage))
    previous = np.maximum(first - 1, 0)
    has_previous = (evidence.owners[previous] == owners) & (previous < first)
    return {
        "exact": np.minimum(held.words, 1) @ content / ideal,
        "alike": covered / ideal,
        "often": held.words / (held.words + 0.6) @ content / ideal,
        "rest": gain(np.maximum(of_passage, outside.titles)),
        "near": gain(np.maximum(outside.near, of_passage)) - gain(of_passage),
        "local": share(held.likeness, among_candidates),
        "within": share(held.likeness, within_passage),
        "run_grams": share(np.minimum(held.grams, 1), gram_idf),
        "best_piece": held.best / ideal,
        "previous": gain(evidence.likeness[previous]) * has_previous,
        "length": (evidence.ends[last] - evidence.starts[first]) / longest,
        "small": evidence.small[first],
        "year": question.wants_time * (held.years > 0),
        "person": question.wants_person * (held.capitals > 0),
    }


def _in_title(question: Question, passage: Passage) -> Array:
    terms = _title_terms(" ".join((passage.title, *passage.heading)), passage.language)
    return np.array([not terms.isdisjoint(word.terms) for word in question.words], np.float64)


@lru_cache(maxsize=4096)
def _title_terms(title: str, language: str) -> frozenset[str]:
    return frozenset(token.term for token in tokenize(title, language))
