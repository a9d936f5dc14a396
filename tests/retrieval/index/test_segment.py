"""Segments are read as they were written, and a merge equals a build of the same documents."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import segment_writer
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import BM25Weights, digest
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import (
    ArrayWriter,
    LiveSegment,
    MaskedSegment,
    Segment,
    encoder_keys,
    encoder_texts,
)
from retrieval.model import Passage, Span, document_id_of
from tests.retrieval.corpus import document, forward_rows

WORDS = ["goat", "Goats", "keeper", "the", "lighthouse", "1874", "козы", "смотрит", "茶馆"]
SIGNS = ["Ahrental", ".", "!", "😀", "\n", "\u0301", "\u2028"]
TEXT = st.lists(st.sampled_from(WORDS + SIGNS), min_size=1, max_size=8).map(" ".join)
DOCUMENT = st.tuples(st.sampled_from(["en", "en", "de", "ru", "zh"]), st.lists(TEXT, min_size=1, max_size=4))
DOCUMENTS = st.lists(DOCUMENT, min_size=1, max_size=5)
TERMS = ["goat", "keeper", "the", "коз", "茶馆", "茶", "unknown"]
Texts = Sequence[tuple[str, list[str]]]


def passages_of(documents: Texts, first: int = 0) -> list[list[Passage]]:
    """Return the passages of each document, given as language and texts."""
    return [
        document(f"{number:02}.txt", texts, language)
        for number, (language, texts) in enumerate(documents, first)
    ]


def build(folder: str | Path, documents: Sequence[Sequence[Passage]]) -> Segment:
    return segment_writer.write_segment(Path(folder), list(chain.from_iterable(documents)), 60)


def all_passages(segment: Segment) -> list[Passage]:
    return segment.passages(range(len(segment)))


def postings(segment: Segment) -> dict[int, list[int]]:
    index = segment.postings
    return {term: index.lists.row(row).tolist() for row, term in enumerate(index.terms.tolist())}


@given(documents=DOCUMENTS, data=st.data())
@settings(max_examples=60)
def test_build(documents: Texts, data: st.DataObject) -> None:
    """A segment returns its passages and their forward index, in any order."""
    with TemporaryDirectory() as folder:
        parts = passages_of(documents)
        passages = [passage for own in parts for passage in own]
        segment = build(folder, parts)
        forward = forward_rows(ForwardIndex.build(passages, 60)[0])
        assert (len(passages), passages) == (len(segment), all_passages(segment))
        assert Counter(passage.language for passage in passages) == segment.languages
        order = data.draw(st.lists(st.integers(0, len(passages) - 1), min_size=1))
        assert [passages[at] for at in order] == segment.passages(order)
        assert [forward[at] for at in order] == forward_rows(segment.forward(order))
        candidates, own_forward = segment.candidates(order)
        assert [passages[at] for at in order] == candidates
        assert [forward[at] for at in order] == forward_rows(own_forward)
        for number, own in enumerate(parts):
            assert number == segment.document_ordinal(document_id_of(own[0].id))
            assert (own[0].document_name, own[0].title) == segment.document_name(number)
        owners = [number for number, own in enumerate(parts) for _ in own]
        assert owners == segment.document_of(np.arange(len(passages))).tolist()
        assert segment.document_ordinal("x" * 8) is None
        assert [] == segment.document_ordinals(["x" * 8])


@given(documents=DOCUMENTS)
@settings(max_examples=30)
def test_posting_lists(documents: Texts) -> None:
    """A term's posting list has the passages with the term, in order, and the term's frequency in each."""
    with TemporaryDirectory() as folder:
        segment = build(folder, passages_of(documents))
        forward = segment.forward(range(len(segment)))
        expected: dict[int, Counter[int]] = {}
        for passage in range(len(segment)):
            for term in forward.vocabulary.terms[forward.tokens.row(passage)].tolist():
                expected.setdefault(term, Counter())[passage] += 1
        lists = {term: [p << 12 | n for p, n in sorted(counts.items())] for term, counts in expected.items()}
        assert lists == postings(segment)
        assert sorted(lists) == list(postings(segment))
        assert forward.tokens.lengths.tolist() == segment.postings.lengths.tolist()


@given(parts=st.lists(DOCUMENTS, min_size=1, max_size=3), data=st.data())
@settings(max_examples=80)
def test_merge(parts: Sequence[Texts], data: st.DataObject) -> None:
    """A merge without some documents equals a segment built of the others."""
    with TemporaryDirectory() as folder:
        masked: list[MaskedSegment] = []
        remaining: list[list[Passage]] = []
        for number, documents in enumerate(parts):
            own = passages_of(documents, 10 * number)
            keep = data.draw(st.lists(st.booleans(), min_size=len(own), max_size=len(own)))
            mask = np.array([k for k, passages in zip(keep, own, strict=True) for _ in passages], np.bool_)
            masked.append((build(folder, own), mask))
            remaining += [passages for k, passages in zip(keep, own, strict=True) if k]
        if not remaining:
            return
        merged, built = segment_writer.merge_segments(Path(folder), masked), build(folder, remaining)
        assert all_passages(built) == all_passages(merged)
        assert forward_rows(built.forward(range(len(built)))) == forward_rows(
            merged.forward(range(len(merged)))
        )
        assert postings(built) == postings(merged)
        assert built.postings.lengths.tolist() == merged.postings.lengths.tolist()
        assert +built.languages == +merged.languages
        assert len(built.vocabulary) == len(merged.vocabulary)
        assert +built.languages == +merged.count_languages(np.ones(len(merged), np.bool_))
        for bucket in built.spelling.buckets:
            assert set(built.spelling.words(bucket)) <= set(merged.spelling.words(bucket))
        if len(remaining) == sum(map(len, parts)):
            assert set(built.spelling.buckets) == set(merged.spelling.buckets)
            assert all(built.spelling.words(b) == merged.spelling.words(b) for b in built.spelling.buckets)
        for passages in remaining:
            at = merged.document_ordinal(document_id_of(passages[0].id))
            assert at is not None
            assert passages == merged.passages(range(*merged.document_starts[at : at + 2].tolist()))


def test_merge_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge in several blocks equals one in a single block."""
    parts = [document(f"{n}.txt", [f"goat number {n} {m} the the" for m in range(9)]) for n in range(9)]
    segments = [build(tmp_path, parts[:4]), build(tmp_path, parts[4:])]
    masks = [np.arange(len(segment)) % 27 >= 9 for segment in segments]
    remaining = [*parts[1:3], parts[5], parts[6], parts[8]]
    monkeypatch.setattr("retrieval.index.segment._BLOCK_BYTES", 16)
    monkeypatch.setattr("retrieval.index.inverted_index._POSTINGS_PER_BLOCK", 5)
    merged = segment_writer.merge_segments(tmp_path, list(zip(segments, masks, strict=True)))
    built = build(tmp_path, remaining)
    assert (all_passages(built), postings(built)) == (all_passages(merged), postings(merged))
    assert forward_rows(built.forward(range(len(built)))) == forward_rows(merged.forward(range(len(merged))))


def test_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that cannot be written completely leaves no file."""
    segment = build(tmp_path, [document("a.txt", ["goat"])])

    def refuse(_: ArrayWriter, __: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "close", refuse)
    with pytest.raises(OSError, match="No space left"):
        build(tmp_path, [document("b.txt", ["goat"])])
    with pytest.raises(OSError, match="No space left"):
        segment_writer.merge_segments(tmp_path, [(segment, np.ones(1, np.bool_))])
    assert [segment.path] == list(tmp_path.iterdir())


def test_deleted_while_open(tmp_path: Path) -> None:
    """An open segment whose file is deleted can still be read and merged."""
    segment = build(tmp_path, [document("a.txt", ["The goat eats.", "Salt."])])
    before = all_passages(segment)
    segment.path.unlink()
    assert before == all_passages(segment)
    assert before == all_passages(segment_writer.merge_segments(tmp_path, [(segment, np.ones(2, np.bool_))]))


def term_frequencies(segment: LiveSegment) -> Mapping[str, int]:
    return asyncio.run(LocalIndex([segment]).document_frequencies(TERMS))


@given(
    documents=st.lists(DOCUMENT, min_size=1, max_size=6),
    rounds=st.lists(st.sets(st.integers(0, 5)), max_size=3),
)
@settings(max_examples=80)
def test_without(documents: Texts, rounds: Sequence[set[int]]) -> None:
    """A segment without some documents, deleted in any steps, counts like a segment built of the others."""
    passages = passages_of(documents)
    deleted = set().union(*rounds) & set(range(len(passages)))
    remaining = [passage for n, own in enumerate(passages) if n not in deleted for passage in own]
    with TemporaryDirectory() as folder:
        whole = segment_writer.write_segment(Path(folder), list(chain.from_iterable(passages)), 300)
        live = LiveSegment(whole)
        for step in rounds:
            live = live.without(step & deleted)
        assert LiveSegment(whole, frozenset(deleted)) == live
        if not remaining:
            assert (0, 0) == (live.size, live.length)
            return
        rebuilt = LiveSegment(segment_writer.write_segment(Path(folder), remaining, 300))
        assert (rebuilt.size, rebuilt.length, +rebuilt.languages) == (live.size, live.length, +live.languages)
        assert remaining == whole.passages(np.flatnonzero(live.alive).tolist())
        assert term_frequencies(rebuilt) == term_frequencies(live)


def test_without_no_documents() -> None:
    """`without` returns the same object if no more documents are deleted."""
    with TemporaryDirectory() as folder:
        live = LiveSegment(
            segment_writer.write_segment(Path(folder), document("a.txt", ["goat"]), 300), frozenset()
        )
    assert live.without([]) is live
    empty = live.without([0])
    assert empty.without([0]) is empty


def test_approximate_norms() -> None:
    """A passage has the norm of its length; a deleted one has an infinite norm."""
    texts = ["goat", "goat " * 7, "goat " * 300]
    with TemporaryDirectory() as folder:
        passages = list(chain.from_iterable(document(f"{n}.txt", [text]) for n, text in enumerate(texts)))
        live = LiveSegment(segment_writer.write_segment(Path(folder), passages, 300)).without([1])
    weighting = BM25Weights(2, 301)
    norms = weighting.norms(np.array([1, 7, 300], np.uint16)).astype(np.float32).tolist()
    assert [norms[0], np.inf, norms[2]] == live.approximate_norms(weighting).tolist()


WORDS_AND_SPACES = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
    | st.lists(
        st.sampled_from(["The goat eats. ", "Salt!\n", "\n", "茶馆在哪里。", "ก", "😀"]), max_size=40
    ).map("".join)
).filter(str.strip)
LABEL = st.text(st.sampled_from("abc é\n-:"), max_size=90)


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(WORDS_AND_SPACES)
    heading = tuple(draw(st.lists(LABEL, max_size=3)))
    language = draw(st.sampled_from(["en", "zh", "th"]))
    return Passage("p", "a.txt", draw(LABEL), Span(7, 7 + len(text)), text, heading, 1, 1, language)


def texts_of(passage: Passage, max_chars: int = 300) -> list[str]:
    forward = ForwardIndex.build([passage], max_chars)[0]
    starts, ends = forward.pieces.values.tolist(), forward.piece_ends.tolist()
    return [own.text for own in encoder_texts(passage, starts, ends)]


@given(several=st.lists(passages(), min_size=1, max_size=4), max_chars=st.integers(10, 300))
@settings(max_examples=60)
def test_keys_and_texts(several: Sequence[Passage], max_chars: int) -> None:
    """Keys are the digests of the texts, in the same order: the whole passage, then its pieces."""
    forward = ForwardIndex.build(several, max_chars)[0]
    keys = encoder_keys(several, forward.pieces, forward.piece_ends)
    assert len(several) == len(keys)
    ends = forward.pieces.offsets[1:]
    for number, passage in enumerate(several):
        own = slice(int(forward.pieces.offsets[number]), int(ends[number]))
        starts, stops = forward.pieces.values[own].tolist(), forward.piece_ends[own].tolist()
        texts = list(encoder_texts(passage, starts, stops))
        assert keys.row(number).tolist() == [own.key for own in texts] == [digest(own.text) for own in texts]
        assert [True, *[False] * len(starts)] == [own.is_whole for own in texts]
        for start, stop, own_text in zip(starts, stops, texts[1:], strict=True):
            assert passage.text[start:stop].split() == own_text.text.split()


def passage_of(text: str, title: str = "", heading: tuple[str, ...] = ()) -> Passage:
    return Passage("p", "a.txt", title, Span(0, len(text)), text, heading, 1, 1, "en")


def test_texts() -> None:
    """The whole passage has its title and last two headings before it, each once; a piece has nothing."""
    text = "The goat\neats.  Snow fell."
    assert ["Goats - Feed - Salt: The goat eats. Snow fell.", "The goat eats.", "Snow fell."] == texts_of(
        passage_of(text, "Goats", ("Farm", "Feed", "Salt")), 15
    )
    assert "Goats: The goat eats. Snow fell." == texts_of(passage_of(text, "Goats", ("Goats",)))[0]


def test_long_passages_are_cut() -> None:
    """Long passages and long titles are cut, so that the encoder reads some of both."""
    whole = texts_of(passage_of("goat " * 1_000, "title " * 100))[0]
    assert len(whole) < 2_000
    assert whole.startswith("title title")
    assert whole.endswith(" goat")
