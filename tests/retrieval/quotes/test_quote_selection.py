import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.index.candidates import Candidates
from retrieval.model import Span
from retrieval.query.matching import (
    SHORTLIST_SIZE,
    IntArray,
    QueryMatches,
    passage_features,
    shortlist,
)
from retrieval.query.query import Query
from retrieval.quotes.coefficients import WITH_MEANING, WITH_TOKENS, WORDS_ONLY, Coefficients
from retrieval.quotes.quote_selection import (
    Excerpt,
    RankedSpans,
    rank_spans,
    select_quotes,
    share_of,
    sum_over_parts,
    with_explanations,
)
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]

SENTENCE = st.sampled_from(["The goat eats. ", "A keeper came! ", "Goats. ", "Salt and milk, 1874. ", "No. "])
TEXTS = st.lists(
    st.tuples(st.just("en"), st.lists(SENTENCE, min_size=1, max_size=12).map("".join)), min_size=1, max_size=5
)


@given(texts=TEXTS, max_chars=st.integers(15, 120), top=st.integers(1, 8))
@settings(max_examples=50)
def test_select_quotes(texts: Sequence[tuple[str, str]], max_chars: int, top: int, look: Look) -> None:
    """Quotes fit, do not overlap, start with the best span, and stop at `top` or when no piece is left."""
    looked = look("Does the goat eat salt?", list(texts), max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    ranking = rank_spans(query, matches, candidates, max_chars)
    selected = select_quotes(ranking, matches, candidates.passages, top)
    assert ranking.scores.max() == selected[0].score
    assert len(selected) <= top
    for excerpt in selected:
        assert 0 < excerpt.end - excerpt.start <= max_chars
    ordered = sorted((excerpt.candidate, excerpt.start, excerpt.end) for excerpt in selected)
    for (candidate, _, end), (other, start, _) in pairwise(ordered):
        assert candidate != other or end <= start
    everything = select_quotes(ranking, matches, candidates.passages, 10_000)
    assert selected == everything[:top]
    quoted = [candidates.passages[other.candidate].text[other.start : other.end] for other in everything]
    for piece in np.unique(ranking.spans.first).tolist():
        text = candidates.passages[matches.owners[piece]].text[matches.starts[piece] : matches.ends[piece]]
        assert any(text.casefold() in other.casefold() for other in quoted)


def test_repeated_text(look: Look) -> None:
    """What an earlier quote says in the same words, in another passage too, is not quoted again."""
    texts = [("en", "The goat eats salt."), ("en", "THE  goat eats salt. Snow fell."), ("en", "Goats eat.")]
    looked = look("What does the goat eat?", texts, 40)
    assert looked is not None
    query, candidates, matches = looked
    selected = select_quotes(rank_spans(query, matches, candidates, 40), matches, candidates.passages, 9)
    quotes = {candidates.passages[quote.candidate].text[quote.start : quote.end] for quote in selected}
    assert len(quotes) == len(selected)
    assert 1 == sum("goat eats salt" in quote for quote in quotes)
    assert any("Snow fell." in quote for quote in quotes)


@pytest.mark.parametrize(
    ("of_second", "of_whole", "quoted", "key"),
    [
        # One sentence has it all.
        (9.0, -9.0, (15, 22), None),
        (0.5, -9.0, (0, 29), Span(15, 22)),
        # The answer needs all sentences.
        (3.0, 9.0, (0, 29), None),
    ],
)
def test_sentences_of_a_quote(
    of_second: float, of_whole: float, quoted: tuple[int, int], key: Span | None, look: Look
) -> None:
    """Sentences that add nothing are dropped; the key is the sentence with much of the evidence."""
    looked = look("goat", [("en", "The goat eats. A goat. Goats.")], 40)
    assert looked is not None
    query, candidates, matches = looked
    ranking = rank_spans(query, matches, candidates, 40)
    first, last = ranking.spans.first, ranking.spans.last
    is_whole = last - first == 2
    evidence = np.where(is_whole, of_whole, np.where((first == 1) & (last == 1), of_second, 0.0))
    sums = sum_over_parts(evidence, first, last)
    scored = replace(ranking, evidence=evidence, sums=sums, scores=is_whole.astype(np.float64))
    (quote,) = select_quotes(scored, matches, candidates.passages, 1)
    assert (*quoted, key) == (quote.start, quote.end, quote.key)


def test_one_sentence_has_no_key(look: Look) -> None:
    looked = look("goat", [("en", "The goat eats.")], 40)
    assert looked is not None
    query, candidates, matches = looked
    (quote,) = select_quotes(rank_spans(query, matches, candidates, 40), matches, candidates.passages, 1)
    assert quote.key is None


def starts(selected: list[Excerpt]) -> list[tuple[int, int]]:
    return [(excerpt.candidate, excerpt.start) for excerpt in selected]


def test_adjacent_spans(look: Look) -> None:
    """Spans that do not overlap are selected by their scores, next to a selected one too."""
    looked = look("goat", [("en", "The goat eats. A goat."), ("en", "The goat.")], 16)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 16)
    scores = np.array([5.0, 7.0, 6.0])
    selected = select_quotes(
        RankedSpans(ranking.spans, ranking.features, scores, scores, scores, ranking.coefficients),
        looked[2],
        looked[1].passages,
        3,
    )
    pieces = ranking.spans.first[[1, 2, 0]]
    expected = list(zip(looked[2].owners[pieces].tolist(), looked[2].starts[pieces].tolist(), strict=True))
    assert expected == starts(selected)


def test_starts_section(look: Look) -> None:
    """A span starts its section if no candidate below the same headings comes before it."""
    looked = look("goat salt", [("en", "A goat eats. Snow."), ("en", "Goats."), ("en", "Salt. Goat.")], 30)
    assert looked is not None
    query, candidates, matches = looked
    passages = [
        replace(
            passage,
            span=Span(100 * passage.paragraph, 100 * passage.paragraph + len(passage.text)),
            heading=("Food",) if passage.paragraph == 3 else (),
        )
        for passage in candidates.passages
    ]
    ranking = rank_spans(query, matches, replace(candidates, passages=passages), 30)
    opening = {
        (passages[matches.owners[piece]].paragraph, int(matches.starts[piece]))
        for piece in ranking.spans.first[ranking.features["starts_section"] > 0]
    }
    assert {(1, 0), (3, 0)} == opening


def test_answer_likeness(look: Look) -> None:
    """The likeness of a span is that of its pieces, weighted by their lengths."""
    looked = look("goat", [("en", "The goat eats salt. Goats. ")], 60, encoder=FakeEncoder())
    assert looked is not None
    query, candidates, matches = looked
    assert matches.meaning is not None
    meaning = replace(matches.meaning, answer_likeness=np.array([1.0, -2.0], np.float32))
    ranking = rank_spans(query, replace(matches, meaning=meaning), candidates, 60)
    lengths = matches.ends - matches.starts
    expected = {(0, 0): 1.0, (1, 1): -2.0, (0, 1): (lengths[0] - 2 * lengths[1]) / lengths.sum()}
    spans = zip(ranking.spans.first.tolist(), ranking.spans.last.tolist(), strict=True)
    likeness = dict(zip(spans, ranking.features["answer_likeness"].tolist(), strict=True))
    assert expected == pytest.approx(likeness)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Goats eat here: \n\nSalt. \n\nMilk.", {(0, 1), (0, 2), (2, 2)}),
        # What the colon announces fits without the sentence before it.
        ("Goats live on this mountain all summer. \n\nGoats eat now: \n\nSalt, milk.", {(0, 0), (1, 2)}),
        # What the colon announces does not fit, or is not there.
        ("Goats eat here: \n\nSalt from the mountains above the village, milk.", {(0, 0), (1, 1)}),
        ("Salt. \n\nGoats eat here:", {(0, 0), (0, 1), (1, 1)}),
        # A label that says no more than the question.
        ("Goats \n\nSalt. \n\nGoats.", {(0, 1), (0, 2), (1, 1), (1, 2), (2, 2)}),
    ],
)
def test_fragments(text: str, expected: set[tuple[int, int]], look: Look) -> None:
    """A colon is quoted with what it announces, and labels with what follows them, where that fits."""
    looked = look("What does the goat eat?", [("en", text)], 60)
    assert looked is not None
    query, candidates, matches = looked
    spans = rank_spans(query, matches, candidates, 60).spans
    assert expected == set(zip(spans.first.tolist(), spans.last.tolist(), strict=True))


@pytest.mark.parametrize(("encoder", "coefficients"), [(None, WORDS_ONLY), (FakeEncoder(), WITH_TOKENS)])
def test_fit(encoder: FakeEncoder | None, coefficients: Coefficients, look: Look) -> None:
    """Evidence is the features times the coefficients, of the fit with tokens if they are encoded."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20, encoder=encoder)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    assert coefficients is ranking.coefficients
    evidence = sum(coefficient * ranking.features[name] for name, coefficient in coefficients.span.items())
    assert ranking.evidence.tolist() == pytest.approx(np.asarray(evidence).tolist())
    scores = sum_over_parts(ranking.evidence, ranking.spans.first, ranking.spans.last)
    assert ranking.sums.tolist() == pytest.approx(scores.tolist())
    scores += coefficients.length * ranking.features["length"]
    assert ranking.scores.tolist() == pytest.approx(scores.tolist())


@given(
    spans=st.dictionaries(
        st.tuples(st.integers(0, 12), st.integers(0, 4)), st.floats(-60, 60), min_size=1, max_size=30
    )
)
def test_sum_over_parts(spans: dict[tuple[int, int], float]) -> None:
    """A score has the exponentials of all spans inside, whichever spans there are."""
    first = np.array([begin for begin, _ in spans])
    last = np.array([begin + more for begin, more in spans])
    evidence = np.array(list(spans.values()))
    expected = [
        np.logaddexp.reduce(evidence[(first >= begin) & (last <= begin + more)]) for begin, more in spans
    ]
    assert sum_over_parts(evidence, first + 7, last + 7).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("is_shortlisted", [True, False])
def test_fit_with_tokens(look: Look, *, is_shortlisted: bool) -> None:
    """The fit with tokens is used if all shortlisted passages have tokens, whether or not others have."""
    texts = [("en", f"The goat eats {'salt ' * number}.") for number in range(SHORTLIST_SIZE + 5)]
    looked = look("Does the goat eat salt?", texts, 120, encoder=FakeEncoder())
    assert looked is not None
    query, candidates, matches = looked
    shortlisted = shortlist(passage_features(query, matches))
    others = np.setdiff1d(np.arange(len(candidates.passages)), shortlisted)
    assert SHORTLIST_SIZE == len(shortlisted) < len(candidates.passages)
    missing = shortlisted[-1] if is_shortlisted else others[0]
    assert matches.meaning is not None
    compare = matches.meaning.compare_tokens
    assert compare is not None

    def compare_all_but_one(ordinals: IntArray) -> NDArray[np.float32] | None:
        return None if missing in ordinals else compare(ordinals)

    meaning = replace(matches.meaning, compare_tokens=compare_all_but_one)
    ranking = rank_spans(query, replace(matches, meaning=meaning), candidates, 120)
    assert ranking.coefficients is (WITH_MEANING if is_shortlisted else WITH_TOKENS)
    assert is_shortlisted == ("token_meaning" not in ranking.features)
    expected = rank_spans(
        query,
        replace(matches, meaning=replace(matches.meaning, compare_tokens=None))
        if is_shortlisted
        else matches,
        candidates,
        120,
    )
    assert expected.scores.tolist() == ranking.scores.tolist()


def test_best_features(look: Look) -> None:
    """The best features are those of the span with the highest score, and its share of the evidence."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    best = int(np.argmax(ranking.scores))
    expected = {name: values[best] for name, values in ranking.features.items()}
    assert SHORTLIST_SIZE - 1 == ranking.lacking
    usual = ranking.lacking * math.exp(ranking.coefficients.usual_passage - ranking.evidence.max())
    share = share_of(best, ranking.evidence, ranking.spans.first, ranking.spans.last, usual)
    assert {**expected, "share": share} == ranking.best_features


@pytest.mark.parametrize(
    ("evidence", "last", "usual", "expected"),
    [
        # Two places that answer as well: even odds.
        ([2.0, 2.0], [0, 1], 0.0, 0.0),
        # The second span is inside the first.
        ([2.0, 2.0], [1, 1], 0.0, 4.0),
        ([math.log(3), 0.0], [0, 1], 0.0, math.log(3)),
        ([20.0, 0.0], [0, 1], 0.0, 4.0),
        ([1.0], [0], 0.0, 4.0),
        # Passages that the library lacks.
        ([1.0], [0], 0.5, math.log(2)),
    ],
)
def test_share(evidence: list[float], last: list[int], usual: float, expected: float) -> None:
    """The share is that of a span and those inside it, as log-odds of at most 4."""
    share = share_of(0, np.array(evidence), np.arange(len(evidence)), np.array(last), usual)
    assert share == pytest.approx(expected)


def test_smallest_share() -> None:
    """A thousand places that answer as well leave the least share."""
    assert share_of(0, np.zeros(1000), np.arange(1000), np.arange(1000)) == -4


@given(texts=TEXTS, max_chars=st.integers(15, 120), top=st.integers(1, 8))
@settings(max_examples=50)
def test_explanations(texts: Sequence[tuple[str, str]], max_chars: int, top: int, look: Look) -> None:
    """Extended quotes still fit, do not overlap, and contain the best span."""
    looked = look("Does the goat eat salt?", list(texts), max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    selected = select_quotes(
        rank_spans(query, matches, candidates, max_chars), matches, candidates.passages, top
    )
    extended = with_explanations(selected, matches, candidates.passages, max_chars)
    assert extended[0].start <= selected[0].start < selected[0].end <= extended[0].end
    assert all(excerpt.end - excerpt.start <= max_chars for excerpt in extended)
    ordered = sorted((excerpt.candidate, excerpt.start, excerpt.end) for excerpt in extended)
    for (candidate, _, end), (other, start, _) in pairwise(ordered):
        assert candidate != other or end <= start


@pytest.mark.parametrize(
    ("text", "quoted", "max_chars", "expected"),
    [
        ("E7: no water. Open the tap. Wait.", "E7: no water.", 100, "E7: no water. Open the tap."),
        ("E7: no water. Open the tap. Wait.", "Open the tap.", 100, "E7: no water. Open the tap."),
        ("E7: no water. Open the tap. Wait.", "Wait.", 100, "Wait."),
        ("E7: no water. Open the tap. Wait.", "E7: no water.", 20, "E7: no water."),
        ("E7: no water.\n\nOpen the tap.", "E7: no water.", 100, "E7: no water."),
        (
            "The keeper of the lighthouse has a goat. It eats salt.",
            "The keeper of the lighthouse has a goat.",
            100,
            "The keeper of the lighthouse has a goat.",
        ),
    ],
)
def test_labels(text: str, quoted: str, max_chars: int, expected: str, look: Look) -> None:
    """A short first sentence of a paragraph is quoted with the sentence that explains it, and vice versa."""
    looked = look("water goat salt tap", [("en", text)], max_chars)
    assert looked is not None
    _, candidates, matches = looked
    paragraphs = tuple(at + 2 for at in range(len(text)) if text.startswith("\n\n", at))
    passages = [replace(candidates.passages[0], paragraphs=paragraphs)]
    start = text.index(quoted)
    excerpt = Excerpt(0, start, start + len(quoted), 1.0)
    (extended,) = with_explanations([excerpt], matches, passages, max_chars)
    assert expected == text[extended.start : extended.end]


def test_overlapping_explanations(look: Look) -> None:
    """The sentence that explains a label is then not a separate quote; rows of tables stay as they are."""
    text = "E7: no water. Open the tap."
    looked = look("water tap", [("en", text)], 100)
    assert looked is not None
    _, candidates, matches = looked
    both = [Excerpt(0, 0, 13, 2.0), Excerpt(0, 14, 27, 1.0)]
    assert [Excerpt(0, 0, 27, 2.0)] == with_explanations(both, matches, candidates.passages, 100)
    rows = [replace(passage, unit="row") for passage in candidates.passages]
    assert both == with_explanations(both, matches, rows, 100)
