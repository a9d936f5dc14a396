"""A library whose texts have vectors, made bit by bit and kept."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.documents import local_library as module
from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings import vector_store
from retrieval.errors import EncoderError
from retrieval.model import Answer
from tests.retrieval.corpus import uncached
from tests.retrieval.fake_encoder import BrokenEncoder, FakeEncoder

QUESTION = "When does the library open?"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(12):
        text = (
            f"Room {number}\n\nThe library opens at {number} in room {number}.\n\nIt has {number} chairs.\n"
        )
        _write(folder, number, text)
    return folder


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TEXTS_PER_BATCH", 4)


def _write(folder: Path, number: int, text: str) -> None:
    (folder / f"{number}.txt").write_text(text)
    os.utime(folder / f"{number}.txt", (1e9, 1e9))


def _after(batches: int) -> Callable[[], bool]:
    """Say stop after a number of batches."""
    left = iter(range(batches))
    return lambda: next(left, None) is None


def _ask(library: LocalLibrary) -> Answer:
    return asyncio.run(uncached(library).answer(QUESTION))


@pytest.mark.parametrize("threads", [1, 3])
def test_all_texts_are_encoded_once(docs: Path, threads: int) -> None:
    """Each different text is encoded, and progress reports how many of how many."""
    encoder, seen = FakeEncoder(), list[tuple[int, int]]()
    opened = LocalLibrary.open(docs, encoder=encoder)
    texts = opened.encodable
    assert texts == opened.unencoded > 12
    assert opened.encode(lambda done, total: seen.append((done, total)), threads=threads)
    assert texts == len(encoder.texts) == len(set(encoder.texts))
    assert (texts, 0) == (opened.encodable, opened.unencoded)
    assert [*range(4 * threads, texts, 4 * threads), texts] == [done for done, _ in seen]
    assert {texts} == {total for _, total in seen}
    assert opened.encode(threads=threads)
    assert texts == len(encoder.texts)


def test_without_an_encoder(docs: Path) -> None:
    """Where meaning is not compared there is nothing to encode."""
    opened = LocalLibrary.open(docs)
    assert (0, 0, False) == (opened.encodable, opened.unencoded, opened.encode())


def test_it_goes_on_where_it_stopped(docs: Path, tmp_path: Path) -> None:
    """What was made is kept when the process ends, also when all documents are read anew."""
    first = FakeEncoder()
    opened = LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=first)
    assert not opened.encode(stop=_after(2))
    assert (8, opened.encodable - 8) == (len(first.texts), opened.unencoded)
    second = FakeEncoder()
    again = LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=second, fresh=True)
    assert opened.unencoded == again.unencoded
    assert again.encode()
    assert again.encodable == len({*first.texts, *second.texts}) == len(first.texts) + len(second.texts)


def test_only_what_changed_is_encoded(docs: Path, tmp_path: Path) -> None:
    """An update keeps the vectors of unchanged texts, and so do saving it and putting it together."""
    encoder = FakeEncoder()
    opened = LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=encoder)
    opened.encode()
    encoder.texts.clear()
    _write(docs, 3, "Room 3\n\nThe library opens at noon in room 3.\n")
    changed = LocalLibrary.open(docs, before=opened)
    changed.save(tmp_path / "saved")
    tidied = changed.compact()
    tidied.save(tmp_path / "saved")
    assert 0 < tidied.unencoded == changed.unencoded <= 3
    assert tidied.encode()
    assert all("noon" in text for text in encoder.texts)
    assert 0 == changed.unencoded == LocalLibrary.open(docs, before=tidied).unencoded
    assert 0 == LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=encoder).unencoded


def test_another_encoder_begins_anew(docs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Vectors of another encoder are not compared with: all are made again."""
    LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=FakeEncoder()).encode()
    other = LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=FakeEncoder("other"))
    assert other.encodable == other.unencoded
    assert [
        f"{name}: damaged or written for another model; replacing it"
        for name in ("vectors.bin", "token_codes.bin")
    ] == [message.rsplit("/", 1)[-1] for message in caplog.messages]


def test_answers_meanwhile(docs: Path) -> None:
    """While texts are encoded, answers are found by words, and computed again afterwards."""
    opened = LocalLibrary.open(docs, encoder=FakeEncoder())
    by_words = _ask(LocalLibrary.open(docs))
    assert by_words.citations[0].quote == asyncio.run(opened.answer(QUESTION)).citations[0].quote
    opened.encode(stop=_after(1))
    assert asyncio.run(opened.answer(QUESTION)).citations
    opened.encode()
    before = asyncio.run(opened.answer(QUESTION))
    assert before is asyncio.run(opened.answer(QUESTION))
    assert before.citations


def test_an_index_without_tokens(docs: Path, tmp_path: Path) -> None:
    """An index with vectors but no token codes encodes only whole passages, and answers in the meantime."""
    saved = tmp_path / "saved"
    before = LocalLibrary.open(docs, index_dir=saved, encoder=FakeEncoder())
    before.encode()
    before.save(saved)
    (codes,) = saved.glob("*/token_codes.bin")
    codes.unlink()
    encoder = FakeEncoder()
    opened = LocalLibrary.open(docs, index_dir=saved, encoder=encoder)
    wholes = len(set(opened.index.whole_keys().tolist()))
    assert 0 < wholes == opened.unencoded < opened.encodable
    assert [False] == _are_tokens_compared(opened)
    meanwhile = _ask(opened)
    assert meanwhile.citations
    assert opened.encode(stop=_after(1)) is False
    assert [False] == _are_tokens_compared(opened)
    assert opened.encode()
    assert (wholes, wholes) == (len(encoder.texts), len(set(encoder.texts)))
    assert [True] == _are_tokens_compared(opened)
    assert 0 == opened.unencoded == LocalLibrary.open(docs, index_dir=saved, encoder=encoder).unencoded
    assert _ask(before) == _ask(opened)


def test_a_piece_that_is_a_passage_elsewhere(tmp_path: Path) -> None:
    """A text that is first seen as a piece and later as a whole passage gets the codes of its tokens."""
    (tmp_path / "a.md").write_text("# Notes\n\nLibrary: It opens at nine.\n\nIt has chairs.\n")
    (tmp_path / "b.md").write_text("# Library\n\nIt opens at nine.\n")
    opened = LocalLibrary.open(tmp_path, encoder=FakeEncoder())
    wholes = set(opened.index.whole_keys().tolist())
    texts = list(opened.index.encoder_texts(opened.index.encoder_keys().tolist()))
    assert {"Library: It opens at nine."} < {text.text for text in texts if text.key in wholes}
    assert opened.encode()
    assert 0 == opened.unencoded


def _are_tokens_compared(library: LocalLibrary) -> list[bool]:
    """Return whether the tokens of all candidates for the question are compared; empty without vectors."""
    question = FakeEncoder().encode_question(QUESTION)
    found = asyncio.run(library.index.search(["open", "chair"], 100, question))
    if found.meaning is None or found.meaning.compare_tokens is None:
        return []
    return [found.meaning.compare_tokens(np.arange(len(found.passages))) is not None]


@pytest.mark.parametrize("question", ["", "?", "😀", " \u200b", "who is it?", "x"])
def test_questions_of_hardly_a_word(question: str, docs: Path) -> None:
    """What has no word, or none that names anything, is never surely answered, however near all is."""
    opened = LocalLibrary.open(docs, encoder=FakeEncoder())
    opened.encode()
    assert "sure" != asyncio.run(opened.answer(question)).certainty


def test_an_encoder_that_cannot_be_loaded(docs: Path) -> None:
    """Answers are those by words alone; making vectors reports why it cannot be done."""
    opened = LocalLibrary.open(docs, encoder=BrokenEncoder())
    assert _ask(LocalLibrary.open(docs)) == _ask(opened)
    with pytest.raises(EncoderError):
        opened.encode()


def test_vectors_that_cannot_be_saved(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk they are in memory, and one line for each file says so."""
    opened = LocalLibrary.open(docs, index_dir=tmp_path / "saved", encoder=FakeEncoder())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING):
        assert opened.encode()
    assert 0 == opened.unencoded
    assert [
        f"{name}: vectors cannot be saved (No space left on device)"
        for name in ("vectors.bin", "token_codes.bin")
    ] == [message.rsplit("/", 1)[-1] for message in caplog.messages]


def test_vectors_of_what_is_gone(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are forgotten when the library is opened and most are of no use; an empty folder keeps them."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 10)
    saved = tmp_path / "saved"
    opened = LocalLibrary.open(docs, index_dir=saved, encoder=FakeEncoder())
    opened.encode()
    size = _size(saved)
    elsewhere = docs.rename(tmp_path / "elsewhere")
    docs.mkdir()
    LocalLibrary.open(docs, index_dir=saved, encoder=FakeEncoder())
    assert size == _size(saved)
    docs.rmdir()
    elsewhere.rename(docs)
    for number in range(2, 12):
        (docs / f"{number}.txt").unlink()
    left = LocalLibrary.open(docs, index_dir=saved, encoder=FakeEncoder())
    assert _size(saved) < size / 3
    assert 0 == left.unencoded


def _size(saved: Path) -> int:
    (file,) = saved.glob("*/vectors.bin")
    return file.stat().st_size
