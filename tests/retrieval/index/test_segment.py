"""What is read of a segment is what was written, and what is put together what would have been built."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.ids import document_of
from retrieval.index import arrays, segment_writer
from retrieval.index.arrays import ArrayWriter
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.segment import MaskedSegment, Segment
from retrieval.model import Passage
from tests.retrieval.corpus import document, rows

WORDS = ["goat", "Goats", "keeper", "the", "lighthouse", "1874", "козы", "смотрит", "茶馆"]
SIGNS = ["Ahrental", ".", "!", "😀", "\n", "\u0301", "\u2028"]
TEXT = st.lists(st.sampled_from(WORDS + SIGNS), min_size=1, max_size=8).map(" ".join)
DOCUMENT = st.tuples(st.sampled_from(["en", "en", "de", "ru", "zh"]), st.lists(TEXT, min_size=1, max_size=4))
DOCUMENTS = st.lists(DOCUMENT, min_size=1, max_size=5)
Made = Sequence[tuple[str, list[str]]]


def made(documents: Made, first: int = 0) -> list[list[Passage]]:
    return [
        document(f"{number:02}.txt", texts, language)
        for number, (language, texts) in enumerate(documents, first)
    ]


def build(folder: str | Path, documents: Sequence[Sequence[Passage]]) -> Segment:
    return segment_writer.build(Path(folder), [one for own in documents for one in own], 60)


def all_of(one: Segment) -> list[Passage]:
    return one.passages(range(len(one)))


def postings(one: Segment) -> dict[int, list[int]]:
    return {
        term: one.postings.lists.row(row).tolist() for row, term in enumerate(one.postings.terms.tolist())
    }


@given(documents=DOCUMENTS, data=st.data())
@settings(max_examples=60)
def test_build(documents: Made, data: st.DataObject) -> None:
    """A segment gives back its passages and what the second stage needs of them, in any order."""
    with TemporaryDirectory() as folder:
        parts = made(documents)
        whole = [passage for own in parts for passage in own]
        one = build(folder, parts)
        forward = rows(ForwardIndex.build(whole, 60)[0])
        assert (len(whole), whole) == (len(one), all_of(one))
        assert Counter(passage.language for passage in whole) == one.languages
        order = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1))
        assert [whole[at] for at in order] == one.passages(order)
        assert [forward[at] for at in order] == rows(one.forward(order))
        passages, again = one.candidates(order)
        assert ([whole[at] for at in order], [forward[at] for at in order]) == (passages, rows(again))
        for number, own in enumerate(parts):
            assert number == one.find(document_of(own[0].id))
            assert (own[0].document, own[0].title) == one.document_name(number)
        owners = [number for number, own in enumerate(parts) for _ in own]
        assert owners == one.document_of(np.arange(len(whole))).tolist()
        assert one.find("x" * 8) is None
        assert [] == one.find_all(["x" * 8])


@given(documents=DOCUMENTS)
@settings(max_examples=30)
def test_posting_lists(documents: Made) -> None:
    """A term's list names the passages that hold it, in their order, with how often they do."""
    with TemporaryDirectory() as folder:
        one = build(folder, made(documents))
        forward = one.forward(range(len(one)))
        expected: dict[int, Counter[int]] = {}
        for passage in range(len(one)):
            for term in forward.forms.terms[forward.tokens.row(passage)].tolist():
                expected.setdefault(term, Counter())[passage] += 1
        lists = {term: [p << 12 | n for p, n in sorted(counts.items())] for term, counts in expected.items()}
        assert lists == postings(one)
        assert sorted(lists) == list(postings(one))
        assert forward.tokens.lengths.tolist() == one.postings.lengths.tolist()


@given(parts=st.lists(DOCUMENTS, min_size=1, max_size=3), data=st.data())
@settings(max_examples=80)
def test_merge(parts: Sequence[Made], data: st.DataObject) -> None:
    """What is put together without some documents is what is built of those that stay."""
    with TemporaryDirectory() as folder:
        kept: list[MaskedSegment] = []
        stays: list[list[Passage]] = []
        for number, documents in enumerate(parts):
            own = made(documents, 10 * number)
            keep = data.draw(st.lists(st.booleans(), min_size=len(own), max_size=len(own)))
            mask = np.array([k for k, one in zip(keep, own, strict=True) for _ in one], np.bool_)
            kept.append((build(folder, own), mask))
            stays += [one for k, one in zip(keep, own, strict=True) if k]
        if not stays:
            return
        merged, new = segment_writer.merge(Path(folder), kept), build(folder, stays)
        assert all_of(new) == all_of(merged)
        assert rows(new.forward(range(len(new)))) == rows(merged.forward(range(len(merged))))
        assert postings(new) == postings(merged)
        assert new.postings.lengths.tolist() == merged.postings.lengths.tolist()
        assert +new.languages == +merged.languages
        assert len(new.vocabulary) == len(merged.vocabulary)
        assert +new.languages == +merged.count_languages(np.ones(len(merged), np.bool_))
        for bucket in new.spelling.buckets:
            assert set(new.spelling.words(bucket)) <= set(merged.spelling.words(bucket))
        if len(stays) == sum(map(len, parts)):
            assert set(new.spelling.buckets) == set(merged.spelling.buckets)
            assert all(new.spelling.words(s) == merged.spelling.words(s) for s in new.spelling.buckets)
        for passages in stays:
            at = merged.find(document_of(passages[0].id))
            assert at is not None
            assert passages == merged.passages(range(*merged.documents[at : at + 2].tolist()))


def test_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments too long to be read at once are put together in parts, and are the same."""
    parts = [document(f"{n}.txt", [f"goat number {n} {m} the the" for m in range(9)]) for n in range(9)]
    built = [build(tmp_path, parts[:4]), build(tmp_path, parts[4:])]
    masks = [np.arange(len(one)) % 27 >= 9 for one in built]
    stays = [*parts[1:3], parts[5], parts[6], parts[8]]
    monkeypatch.setattr(arrays, "_BLOCK_BYTES", 16)
    monkeypatch.setattr("retrieval.index.bm25._POSTINGS_PER_BLOCK", 5)
    merged = segment_writer.merge(tmp_path, list(zip(built, masks, strict=True)))
    new = build(tmp_path, stays)
    assert (all_of(new), postings(new)) == (all_of(merged), postings(merged))
    assert rows(new.forward(range(len(new)))) == rows(merged.forward(range(len(merged))))


def test_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that cannot be written to its end leaves nothing behind."""
    one = build(tmp_path, [document("a.txt", ["goat"])])

    def refuse(_: ArrayWriter, __: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "close", refuse)
    with pytest.raises(OSError, match="No space left"):
        build(tmp_path, [document("b.txt", ["goat"])])
    with pytest.raises(OSError, match="No space left"):
        segment_writer.merge(tmp_path, [(one, np.ones(1, np.bool_))])
    assert [one.path] == list(tmp_path.iterdir())


def test_read_when_deleted(tmp_path: Path) -> None:
    """A segment whose file is deleted is read on, and can be put together with others."""
    one = build(tmp_path, [document("a.txt", ["The goat eats.", "Salt."])])
    before = all_of(one)
    one.path.unlink()
    assert before == all_of(one) == all_of(segment_writer.merge(tmp_path, [(one, np.ones(2, np.bool_))]))
