"""The stores of vectors and of token codes, their files, and how they recover from damage."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import TokenCodes, Vectors
from retrieval.embeddings.vector_store import (
    CODES_FILE_NAME,
    FILE_NAME,
    EmbeddingStore,
    EncoderText,
    Keys,
    TokenStore,
    VectorStore,
)
from retrieval.errors import EncoderError
from tests.retrieval.fake_encoder import BrokenEncoder, FakeEncoder

DIMENSIONS = 16
RECORD_BYTES = 24 + DIMENSIONS
CODE_BYTES = 4
TOKEN_RECORD_BYTES = 24 + 32 * CODE_BYTES


def _keys(*numbers: int) -> Keys:
    return np.array(numbers, np.uint64)


def _vectors(*seeds: int) -> Vectors:
    vectors = [np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds]
    rows = np.array(vectors, np.float32).reshape(-1, DIMENSIONS)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _open(path: Path | None, model: str = "model") -> VectorStore:
    return VectorStore(path, model, DIMENSIONS)


def _store_with(path: Path | None, *seeds: int) -> VectorStore:
    """Open a store and append vectors, a record at a time."""
    store = _open(path)
    for seed in seeds:
        store.append(_keys(seed), _vectors(seed))
    return store


def _stored(store: VectorStore, *seeds: int) -> list[int]:
    """Return those of the seeds that the store has; check that their vectors are correct."""
    keys = _keys(*seeds)
    rows = store.rows(keys)
    exists = rows >= 0
    # A quantization step is at most 1/127.
    assert np.abs(store.vectors(rows[exists]) - _vectors(*keys[exists].tolist())).max(initial=0) <= 0.5 / 127
    stored: list[int] = keys[exists].tolist()
    return stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index" / "vectors.bin"


@pytest.mark.parametrize("is_saved", [True, False])
def test_append(path: Path, *, is_saved: bool) -> None:
    """Vectors are found by their keys; other keys have no row."""
    store = _store_with(path if is_saved else None, 7, 3)
    store.append(_keys(9, 1), _vectors(9, 1))
    assert [1, 3, 7, 9] == _stored(store, 1, 2, 3, 7, 9, 10)
    assert (4, is_saved) == (len(store), path.exists())


def test_stable_rows(path: Path) -> None:
    """Rows have the same vectors after others are appended."""
    store = _store_with(path, 7, 3)
    rows = store.rows(_keys(7, 3))
    before = store.vectors(rows)
    store.append(_keys(1, 5), _vectors(1, 5))
    assert np.array_equal(before, store.vectors(rows))


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 99), max_size=20), st.data())
@settings(max_examples=30)
def test_any_keys_in_any_parts(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[int, int], data: st.DataObject
) -> None:
    """Any keys, appended in any parts, are found in the store, and in another that opens the file."""
    path = tmp_path_factory.mktemp("store") / "vectors.bin"
    store, items = _open(path), list(wanted.items())
    while items:
        size = data.draw(st.integers(1, len(items)))
        part, items = items[:size], items[size:]
        store.append(_keys(*(key for key, _ in part)), _vectors(*(seed for _, seed in part)))
    keys, expected = _keys(*wanted), _vectors(*wanted.values())
    for opened in (store, _open(path)):
        assert len(wanted) == len(opened)
        assert np.abs(opened.vectors(opened.rows(keys)) - expected).max(initial=0) <= 0.5 / 127


def test_missing() -> None:
    """`missing` returns the positions of the keys without a vector, once for equal keys."""
    store = _store_with(None, 7, 3)
    assert [1, 3] == store.missing(_keys(7, 5, 5, 4, 3)).tolist()
    assert [] == store.missing(_keys()).tolist()


def test_reopen(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is opened again has all its vectors, and nothing is logged."""
    _store_with(path, 7, 3)
    assert [3, 7] == _stored(_open(path), 3, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("lost", [1, RECORD_BYTES - 1])
def test_partial_record(path: Path, lost: int, caplog: pytest.LogCaptureFixture) -> None:
    """A partial record at the end is dropped, and others can be appended."""
    _store_with(path, 7, 3, 5)
    os.truncate(path, path.stat().st_size - lost)
    store = _open(path)
    assert [3, 7] == _stored(store, 3, 5, 7)
    store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _stored(_open(path), 3, 5, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("at", range(256 + RECORD_BYTES, 256 + 2 * RECORD_BYTES, 7))
def test_damaged_record(path: Path, at: int, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged record loses its vector and logs one line; the file is repaired."""
    _store_with(path, 7, 3, 5)
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [5, 7] == _stored(_open(path), 3, 5, 7)
    assert [f"{path}: dropped damaged records: 1; they are computed again"] == caplog.messages


@pytest.mark.parametrize("change", ["model", "dimensions", "header", "short"])
def test_file_of_another_model(path: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file of another model, or with a damaged header, is replaced, and one line logged."""
    _store_with(path, 7, 3)
    if change == "header":
        path.write_bytes(b"x" + path.read_bytes()[1:])
    if change == "short":
        os.truncate(path, 100)
    model = "other" if change == "model" else "model"
    dimensions = 24 if change == "dimensions" else DIMENSIONS
    for _ in range(2):
        assert 0 == len(VectorStore(path, model, dimensions))
    assert [f"{path}: damaged or written for another model; replacing it"] == caplog.messages


def test_not_writable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the file cannot be created, vectors are kept in memory, and one line is logged."""
    (tmp_path / "file").write_text("")
    store = _store_with(tmp_path / "file" / "vectors.bin", 7, 3)
    assert [3, 7] == _stored(store, 3, 7)
    (line,) = caplog.messages
    assert "cannot be used (File exists); its records stay in memory" in line


def test_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed write raises an error once; old and new vectors are then kept in memory."""
    store = _store_with(path, 7)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.append(_keys(3), _vectors(3))
        store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _stored(store, 3, 5, 7)


def test_two_writers(path: Path) -> None:
    """Each of two stores on one file has its own vectors, and sees those of the other when it appends."""
    first, second = _store_with(path, 7), _open(path)
    for seed, writer in enumerate([second, first, second, first, first], 10):
        writer.append(_keys(seed), _vectors(seed))
    assert [7, 10, 11, 12, 13, 14] == _stored(first, 7, *range(10, 20))
    assert [7, 10, 11, 12, 13, 14] == _stored(_open(path), 7, *range(10, 20))
    assert [7, 10, 11, 12] == _stored(second, 7, *range(10, 20))


def test_replaced_file(path: Path) -> None:
    """If another process replaces the file, an open store keeps its vectors and appends to the new file."""
    old = _store_with(path, 7, 3)
    path.unlink()
    new = _store_with(path, 5)
    rows = old.rows(_keys(7, 3))
    old.append(_keys(9), _vectors(9))
    old.append(_keys(11), _vectors(11))
    assert np.array_equal(rows, old.rows(_keys(7, 3)))
    assert [3, 7, 9, 11] == _stored(old, 3, 5, 7, 9, 11)
    new.append(_keys(13), _vectors(13))
    assert [5, 9, 11, 13] == _stored(new, 3, 5, 7, 9, 11, 13) == _stored(_open(path), 3, 5, 7, 9, 11, 13)


def test_deleted_file(path: Path) -> None:
    """A file that is deleted is created again with the next vector."""
    store = _store_with(path, 7)
    path.unlink()
    store.append(_keys(3), _vectors(3))
    assert [3, 7] == _stored(store, 3, 7)
    assert [3] == _stored(_open(path), 3, 7)


def test_compacting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unused vectors are removed if they are most of the file, and only then."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 6)
    store = _store_with(path, *range(8))
    size = path.stat().st_size
    for keys in (_keys(), _keys(1, 2, 3)):
        store.compact(keys)
        assert (8, size) == (len(store), path.stat().st_size)
    store.compact(_keys(5, 1, 5, 5))
    assert [1, 5] == _stored(store, *range(8)) == _stored(_open(path), *range(8))
    assert 256 + 2 * RECORD_BYTES == path.stat().st_size
    store.append(_keys(2), _vectors(2))
    assert [1, 2, 5] == _stored(_open(path), *range(8))


def test_few_vectors_are_not_compacted(path: Path) -> None:
    """A small file stays as it is."""
    store = _store_with(path, *range(8))
    store.compact(_keys(1))
    assert 8 == len(store)


def _codes(seed: int, tokens: int) -> TokenCodes:
    return np.random.default_rng(seed).integers(0, 256, (tokens, CODE_BYTES), np.uint8)


def _open_tokens(path: Path | None, model: str = "model") -> TokenStore:
    return TokenStore(path, model, CODE_BYTES)


def _token_store_with(path: Path | None, *parts: dict[int, int]) -> TokenStore:
    """Open a store and append the codes of passages, part by part, as {key: number of tokens}."""
    store = _open_tokens(path)
    for part in parts:
        store.append(_keys(*part), [_codes(key, tokens) for key, tokens in part.items()])
    return store


def _assert_found(store: TokenStore, tokens: dict[int, int]) -> None:
    """Check that the store finds the codes of passages, as {key: number of tokens}."""
    found = store.find(_keys(*tokens))
    assert found is not None
    counts, codes = found
    assert list(tokens.values()) == counts.tolist()
    expected = [_codes(key, count) for key, count in tokens.items()]
    assert np.array_equal(np.concatenate([np.zeros((0, CODE_BYTES), np.uint8), *expected]), codes)


@given(
    tokens=st.dictionaries(
        st.integers(0, 2**64 - 1),
        st.sampled_from([0, 1, 31, 32, 33, 64, 100, 256]) | st.integers(0, 300),
        max_size=8,
    ),
    is_saved=st.booleans(),
    data=st.data(),
)
@settings(max_examples=40)
def test_tokens_of_any_passages(
    tmp_path_factory: pytest.TempPathFactory, tokens: dict[int, int], data: st.DataObject, *, is_saved: bool
) -> None:
    """The codes of any passages, appended in any parts, are found in any order, also after reopening."""
    path = tmp_path_factory.mktemp("store") / "token_codes.bin" if is_saved else None
    store, items = _open_tokens(path), list(tokens.items())
    while items:
        size = data.draw(st.integers(1, len(items)))
        part, items = dict(items[:size]), items[size:]
        assert list(range(len(part))) == store.missing(_keys(*part)).tolist()
        store.append(_keys(*part), [_codes(key, count) for key, count in part.items()])
    for opened in (store, _open_tokens(path)) if is_saved else (store,):
        order = data.draw(st.permutations(list(tokens)))
        _assert_found(opened, {key: tokens[key] for key in order})
        assert [] == opened.missing(_keys(*tokens)).tolist()
        assert sum(max(-(-count // 32), 1) for count in tokens.values()) == len(opened)


def test_tokens_of_some_passages() -> None:
    """The same passage can be asked for twice, and no passages have no codes."""
    store = _token_store_with(None, {7: 33, 3: 0, 5: 2})
    counts, codes = store.find(_keys(5, 7, 5)) or (None, None)
    assert counts is not None
    assert codes is not None
    assert [2, 33, 2] == counts.tolist()
    assert np.array_equal(np.concatenate([_codes(5, 2), _codes(7, 33), _codes(5, 2)]), codes)
    counts, codes = store.find(_keys()) or (None, None)
    assert counts is not None
    assert codes is not None
    assert ((0,), (0, CODE_BYTES)) == (counts.shape, codes.shape)


def test_missing_tokens() -> None:
    """A passage without codes is missing, once for equal keys, and nothing is found together with it."""
    store = _token_store_with(None, {7: 33, 3: 0})
    assert store.find(_keys(7, 5)) is None
    assert store.find(_keys(5)) is None
    assert [1, 4] == store.missing(_keys(7, 5, 5, 3, 2)).tolist()
    empty = _open_tokens(None)
    assert empty.find(_keys(5)) is None
    assert [0, 2] == empty.missing(_keys(5, 5, 3)).tolist()
    assert [] == empty.missing(_keys()).tolist()


@pytest.mark.parametrize("record", [1, 2, 3, 4])
def test_damaged_tokens(path: Path, record: int, caplog: pytest.LogCaptureFixture) -> None:
    """A passage is missing while any of its records is damaged, and found when it is appended again."""
    _token_store_with(path, {7: 32, 3: 100, 9: 40})
    content = bytearray(path.read_bytes())
    content[256 + record * TOKEN_RECORD_BYTES + 30] ^= 0x10
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        store = _open_tokens(path)
    assert [f"{path}: dropped damaged records: 1; they are computed again"] == caplog.messages
    assert [1] == store.missing(_keys(7, 3, 9)).tolist()
    assert store.find(_keys(7, 3, 9)) is None
    _assert_found(store, {7: 32, 9: 40})
    store.append(_keys(3), [_codes(3, 100)])
    for opened in (store, _open_tokens(path)):
        assert [] == opened.missing(_keys(7, 3, 9)).tolist()
        _assert_found(opened, {9: 40, 3: 100, 7: 32})


def test_partial_tokens(path: Path) -> None:
    """A passage whose last record was not written to its end is missing."""
    _token_store_with(path, {7: 33}, {3: 100})
    os.truncate(path, path.stat().st_size - 1)
    store = _open_tokens(path)
    assert [1] == store.missing(_keys(7, 3)).tolist()
    _assert_found(store, {7: 33})


@pytest.mark.parametrize("change", ["model", "code_bytes"])
def test_tokens_of_another_model(path: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    """Codes of another model are not read, nor are vectors."""
    _token_store_with(path, {7: 33})
    other = TokenStore(path, "other" if change == "model" else "model", CODE_BYTES + 8 * (change != "model"))
    assert [0] == other.missing(_keys(7)).tolist()
    _store_with(path, 7)
    assert 0 == len(_open_tokens(path))
    assert [f"{path}: damaged or written for another model; replacing it"] * 3 == caplog.messages


def test_compacting_tokens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All records of the passages in use are kept when the others are removed."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 6)
    tokens = {1: 100, 2: 0, 3: 33, 4: 256, 5: 300}
    store = _token_store_with(path, tokens)
    records = 4 + 1 + 2 + 8 + 10
    for keys in (_keys(), _keys(9), _keys(3, 4)):
        store.compact(keys)
        assert records == len(store)
    store.compact(_keys(1, 2, 3, 9, 1))
    for opened in (store, _open_tokens(path)):
        assert 4 + 1 + 2 == len(opened)
        _assert_found(opened, {3: 33, 2: 0, 1: 100})
        assert [0, 1] == opened.missing(_keys(4, 5)).tolist()
    assert 256 + 7 * TOKEN_RECORD_BYTES == path.stat().st_size
    store.append(_keys(4), [_codes(4, 256)])
    _assert_found(_open_tokens(path), {4: 256, 1: 100})


def test_compacting_an_empty_token_store(path: Path) -> None:
    """A store without codes stays as it is."""
    for store in (_open_tokens(path), _open_tokens(None)):
        store.compact(_keys(1, 2))
        assert 0 == len(store)


WHOLES = [
    EncoderText(1, "Goats: The goat eats salt. A keeper sleeps.", is_whole=True),
    EncoderText(2, "Snow: Snow fell.", is_whole=True),
    EncoderText(3, " ", is_whole=True),
]
PIECES = [EncoderText(4, "The goat eats salt.", is_whole=False), EncoderText(5, "Snow fell.", is_whole=False)]
TEXTS = [WHOLES[0], PIECES[0], WHOLES[1], PIECES[1], WHOLES[2]]
KEYS, WHOLE_KEYS = _keys(1, 2, 3, 4, 5), _keys(1, 2, 3)


def _assert_complete(embeddings: EmbeddingStore, encoder: FakeEncoder) -> None:
    """Check that all texts have their vectors, and the wholes the codes of their tokens."""
    assert embeddings.tokens is not None
    assert [] == embeddings.missing(KEYS, WHOLE_KEYS).tolist()
    ordered = [*WHOLES, *PIECES]
    expected = FakeEncoder().encode_passages([text.text for text in ordered])
    assert np.abs(embeddings.store.vectors(embeddings.store.rows(KEYS)) - expected).max() <= 0.5 / 127
    found = embeddings.tokens.find(WHOLE_KEYS)
    assert found is not None
    assert [len(text.text.split()) for text in WHOLES] == found[0].tolist()
    codes = encoder.encode_with_tokens([text.text for text in WHOLES])[1]
    assert np.array_equal(np.concatenate(codes), found[1])


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("is_saved", [True, False])
def test_encode(tmp_path: Path, threads: int, *, is_saved: bool) -> None:
    """All texts get a vector and wholes the codes of their tokens, the same from one thread or several."""
    encoder = FakeEncoder()
    embeddings = EmbeddingStore.open(encoder, tmp_path if is_saved else None)
    assert (sorted(KEYS.tolist()), 0) == (
        sorted(embeddings.missing(KEYS, WHOLE_KEYS).tolist()),
        embeddings.record_count,
    )
    embeddings.encode([], threads)
    embeddings.encode(TEXTS, threads)
    assert sorted(text.text for text in TEXTS) == sorted(encoder.texts)
    assert len(TEXTS) + len(WHOLES) == embeddings.record_count
    _assert_complete(embeddings, encoder)
    assert embeddings.tokens is not None
    assert embeddings.tokens.find(_keys(4)) is None
    if is_saved:
        _assert_complete(EmbeddingStore.open(encoder, tmp_path), encoder)


def test_encode_without_tokens() -> None:
    """Where tokens are not compared, wholes get a vector only."""
    encoder = FakeEncoder()
    embeddings = EmbeddingStore(encoder, VectorStore(None, encoder.name, encoder.dimensions))
    embeddings.encode(TEXTS)
    assert len(TEXTS) == embeddings.record_count == len(encoder.texts)
    assert [] == embeddings.missing(KEYS, WHOLE_KEYS).tolist()


def test_encode_missing_tokens(tmp_path: Path) -> None:
    """Wholes without token codes are encoded again, but their vectors are not stored again."""
    EmbeddingStore.open(FakeEncoder(), tmp_path).encode(TEXTS)
    size = (tmp_path / FILE_NAME).stat().st_size
    (tmp_path / CODES_FILE_NAME).unlink()
    encoder = FakeEncoder()
    embeddings = EmbeddingStore.open(encoder, tmp_path)
    missing = embeddings.missing(KEYS, WHOLE_KEYS).tolist()
    assert WHOLE_KEYS.tolist() == missing
    embeddings.encode([text for text in TEXTS if text.key in missing])
    assert [text.text for text in WHOLES] == encoder.texts
    assert size == (tmp_path / FILE_NAME).stat().st_size
    _assert_complete(embeddings, encoder)


@pytest.mark.parametrize("failing", [FILE_NAME, CODES_FILE_NAME])
def test_encode_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    """Results that cannot be written are kept in memory, and one line is logged; the others are saved."""
    encoder = FakeEncoder()
    embeddings = EmbeddingStore.open(encoder, tmp_path)
    assert embeddings.tokens is not None
    store = {FILE_NAME: embeddings.store, CODES_FILE_NAME: embeddings.tokens}[failing]
    sync, is_failing = os.fsync, iter([failing == FILE_NAME, failing != FILE_NAME])

    def full(descriptor: int) -> None:
        if next(is_failing, False):
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        embeddings.encode(TEXTS[:2])
    embeddings.encode(TEXTS[2:])
    assert [f"{tmp_path / failing}: vectors cannot be saved (No space left on device)"] == caplog.messages
    assert store.path is None
    _assert_complete(embeddings, encoder)
    (tmp_path / failing).unlink()
    again = EmbeddingStore.open(encoder, tmp_path)
    assert again.tokens is not None
    counts = {FILE_NAME: (0, len(WHOLES)), CODES_FILE_NAME: (len(TEXTS), 0)}
    assert counts[failing] == (len(again.store), len(again.tokens))


@pytest.mark.parametrize("threads", [1, 3])
def test_encode_with_a_broken_encoder(threads: int) -> None:
    """If the encoder cannot be loaded, an error is raised and nothing stored."""
    embeddings = EmbeddingStore.open(BrokenEncoder(), None)
    with pytest.raises(EncoderError):
        embeddings.encode(TEXTS, threads)
    assert 0 == embeddings.record_count


def test_compacting_both_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors and token codes of texts that no longer exist are removed."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 2)
    encoder = FakeEncoder()
    embeddings = EmbeddingStore.open(encoder, tmp_path)
    embeddings.encode(TEXTS)
    embeddings.compact(_keys(1), _keys(1))
    again = EmbeddingStore.open(encoder, tmp_path)
    assert [2, 3, 4, 5] == sorted(again.missing(KEYS, WHOLE_KEYS).tolist())
    assert 2 == again.record_count
