"""Vectors of texts in an append-only file, keyed by a digest of the text, and the search for the nearest.

A vector belongs to a text, not to a place in a document. So unchanged passages keep theirs when documents or
segments change, and a process that was killed continues where it stopped. Each record has a checksum.

The nearest passages are found by a scan of one bit per dimension, then exact inner products of the best. A
vector of 384 dimensions is 48 bytes in the scan, which takes a few milliseconds for 300,000 vectors.
"""

import logging
import mmap
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, TokenCodes, Vectors

_log = logging.getLogger(__name__)

Keys = NDArray[np.uint64]
Rows = NDArray[np.intp]
Records = NDArray[np.void]

_Encoded = TypeVar("_Encoded")

FILE_NAME = "vectors.bin"
CODES_FILE_NAME = "token_codes.bin"
_MAGIC = b"verbatim vectors 1\n"
# Passages have about 100 tokens.
_TOKENS_PER_RECORD = 32
_HEADER_BYTES = 256
_CHECKSUM_FACTOR = np.uint64(0x9E3779B97F4A7C15)
# Records verified at a time.
_BLOCK_BYTES = 8 * 1024**2
# A file is compacted if it has this many times the vectors in use, and not only a few.
_MIN_WASTE_FACTOR = 3
_MIN_COMPACTED_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class _StoreState:
    """Records at one time. `keys` are those of the intact ones, ascending; `order` are their rows."""

    records: Records
    keys: Keys
    order: Rows

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, -1 for those without a record."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.intp)
        positions = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[positions] == keys, self.order[positions], -1)


class _RecordStore:
    """Records of one size by key. Any thread may read and append.

    Several processes may share a file. Each appends its own records, and sees those of the others when it
    opens the file or appends to it.
    """

    def __init__(self, path: Path | None, description: str, fields: list[tuple[Any, ...]]) -> None:
        """Open the file, or keep records in memory if `path` is None.

        A file with another description, or with a damaged header, is replaced. Damaged records are dropped.
        If the file cannot be used, records are kept in memory. Each of these logs a warning.
        """
        self.path = path
        self._type = np.dtype([("key", "<u8"), ("sum", "<u8"), *fields])
        self._header = (_MAGIC + description.encode()).ljust(_HEADER_BYTES, b"\0")
        self._empty = _StoreState(np.zeros(0, self._type), np.zeros(0, np.uint64), np.zeros(0, np.intp))
        self._lock = Lock()
        # Of the file that is mapped: another process may have replaced it since.
        self._inode: int | None = None
        self._snapshot = self._load()

    def __len__(self) -> int:
        return len(self._snapshot.keys)

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, -1 for those without a vector. Rows do not change until `compact`."""
        return self._snapshot.rows(keys)

    def missing(self, keys: Keys) -> Rows:
        """Return the positions in `keys` of those without a record, ascending, one for equal keys."""
        _, first = np.unique(keys, return_index=True)
        return np.sort(first[self.rows(keys[first]) < 0])

    def _append(self, new: Records) -> None:
        """Add records, and sync them to disk. Raises OSError as the `append` of the subclasses."""
        new["sum"] = _checksums(new)
        with self._lock:
            try:
                records = self._append_to_file(new) if self.path else None
            except OSError:
                self.path = None
                self._append_in_memory(new)
                raise
            if records is None:
                self._append_in_memory(new)
            else:
                self._snapshot = self._extend(self._snapshot, records)

    def compact(self, keys: Keys) -> None:
        """Rewrite the file without the vectors of other keys, if those are most of it. Raises OSError.

        Rows that were returned before are invalid afterwards. Does nothing without any keys: a folder may be
        empty by mistake, and its vectors take long to compute.
        """
        if self.path is None or len(self) < _MIN_COMPACTED_RECORDS:
            return
        used_keys = np.unique(keys)
        if not len(used_keys) or len(self) < _MIN_WASTE_FACTOR * len(used_keys):
            return
        with self._lock:
            rows = self.rows(used_keys)
            self._write(self._snapshot.records[rows[rows >= 0]])
            self._snapshot = self._extend(self._empty, self._map_records())

    def _load(self) -> _StoreState:
        if self.path is None:
            return self._empty
        try:
            if not self.path.exists():
                self._write(self._empty.records)
            with self.path.open("rb") as file:
                is_ours = file.read(_HEADER_BYTES) == self._header
            if not is_ours:
                _log.warning("%s: damaged or written for another model; replacing it", self.path)
                self._write(self._empty.records)
            snapshot = self._extend(self._empty, self._map_records())
            if damaged := len(snapshot.records) - len(snapshot.keys):
                _log.warning("%s: dropped damaged records: %d; they are computed again", self.path, damaged)
            # The size is off if a process died while it wrote a record.
            if damaged or (self.path.stat().st_size - _HEADER_BYTES) % self._type.itemsize:
                self._write(snapshot.records[np.sort(snapshot.order)])
                snapshot = self._extend(self._empty, self._map_records())
        except OSError as error:
            reason = error.strerror or error
            _log.warning("%s: cannot be used (%s); its records stay in memory", self.path, reason)
            self.path = None
            return self._empty
        return snapshot

    def _extend(self, old: _StoreState, records: Records) -> _StoreState:
        """Return a snapshot of `records`, which begin with the old ones; only the new ones are verified."""
        size = max(_BLOCK_BYTES // self._type.itemsize, 1)
        blocks = range(len(old.records), len(records), size)
        added_rows, added_keys = [old.order], [old.keys]
        for start in blocks:
            intact = start + _intact_rows(records[start : start + size])
            added_rows.append(intact)
            added_keys.append(records["key"][intact])
            _release_pages(records)
        rows, keys = np.concatenate(added_rows), np.concatenate(added_keys)
        order = np.argsort(keys, kind="stable")
        return _StoreState(records, keys[order], rows[order])

    def _append_in_memory(self, new: Records) -> None:
        """Add records to a copy in memory, which all later ones are added to as well."""
        self._inode = None
        self._snapshot = self._extend(self._snapshot, np.concatenate([self._snapshot.records, new]))

    def _append_to_file(self, new: Records) -> Records | None:
        """Append records to the file and return all its records. Raises OSError.

        Returns None if they do not continue the snapshot: the file was replaced, or has a partial record.
        """
        if self.path is None:
            return None
        with self.path.open("ab") as file:
            header = b"" if file.tell() else self._header
            file.write(header + new.tobytes())
            file.flush()
            os.fsync(file.fileno())
            status = os.fstat(file.fileno())
        is_whole = (status.st_size - _HEADER_BYTES) % self._type.itemsize == 0
        return self._map_records() if is_whole and status.st_ino == self._inode else None

    def _map_records(self) -> Records:
        """Return the complete records of the file, mapped into memory."""
        if self.path is None:
            return self._empty.records
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            self._inode = status.st_ino
            count = (status.st_size - _HEADER_BYTES) // self._type.itemsize
            if count <= 0:
                return self._empty.records
            return np.memmap(file, self._type, "r", _HEADER_BYTES, (count,))

    def _write(self, records: Records) -> None:
        """Replace the file atomically. Raises OSError."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".new-", delete=False) as file:
            file.write(self._header)
            file.write(records.tobytes())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.path)


class VectorStore(_RecordStore):
    """Vectors by key, quantized to 8 bits per dimension."""

    def __init__(self, path: Path | None, model: str, dimensions: int) -> None:
        """Open the file, or keep vectors in memory if `path` is None. Problems are logged as warnings."""
        fields = [("scale", "<f4"), ("pad", "<u4"), ("vector", "i1", dimensions)]
        super().__init__(path, f"{model}\n{dimensions}\n", fields)

    def vectors(self, rows: Rows) -> Vectors:
        """Return the vectors of these rows, shape (len(rows), dimensions)."""
        records = self._snapshot.records[rows]
        vectors: Vectors = records["vector"].astype(np.float32) * records["scale"][:, None]
        return vectors

    def append(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, shape (len(keys), dimensions), and sync them to disk.

        Raises OSError if they cannot be written. They, and all later ones, are then kept in memory.
        """
        new = np.zeros(len(keys), self._type)
        scale = np.maximum(np.abs(vectors).max(axis=1, initial=1e-9), 1e-9) / 127
        new["key"], new["scale"] = keys, scale
        new["vector"] = np.rint(vectors / scale[:, None])
        self._append(new)


class TokenStore(_RecordStore):
    """The codes of the tokens of passages, by the key of the passage, in records of 32 tokens.

    The first record of a passage has its key and the number of its tokens. The keys of the others follow
    from it.
    """

    def __init__(self, path: Path | None, model: str, code_bytes: int) -> None:
        """Open the file, or keep codes in memory if `path` is None. Problems are logged as warnings."""
        self._code_bytes = code_bytes
        fields = [("tokens", "<u4"), ("pad", "<u4"), ("codes", "u1", (_TOKENS_PER_RECORD, code_bytes))]
        super().__init__(path, f"{model}\ntokens\n{code_bytes}\n", fields)

    def append(self, keys: Keys, codes: Sequence[TokenCodes]) -> None:
        """Add the codes of the tokens of passages, and sync them to disk.

        Raises OSError if they cannot be written. They, and all later ones, are then kept in memory.
        """
        counts = np.array([len(codes_of_text) for codes_of_text in codes], np.int64)
        record_keys, records_per_key = _record_keys(keys, counts)
        new = np.zeros(len(record_keys), self._type)
        new["key"], new["tokens"] = record_keys, np.repeat(counts, records_per_key)
        for codes_of_text, end, count in zip(
            codes, np.cumsum(records_per_key).tolist(), records_per_key, strict=True
        ):
            padded = np.zeros((count * _TOKENS_PER_RECORD, self._code_bytes), np.uint8)
            padded[: len(codes_of_text)] = codes_of_text
            new["codes"][end - count : end] = padded.reshape(count, _TOKENS_PER_RECORD, self._code_bytes)
        self._append(new)

    def find(self, keys: Keys) -> tuple[NDArray[np.int64], TokenCodes] | None:
        """Return how many tokens passages have and the codes of all, or None if a passage has none stored."""
        # One state for all of it: another thread may compact the file in the meantime.
        snapshot = self._snapshot
        first = snapshot.rows(keys)
        if (first < 0).any():
            return None
        counts = snapshot.records["tokens"][first].astype(np.int64)
        record_keys, records_per_key = _record_keys(keys, counts)
        rows = snapshot.rows(record_keys)
        if (rows < 0).any():
            return None
        # Only the last record of a passage is not full.
        used = np.full(len(rows), _TOKENS_PER_RECORD)
        used[np.cumsum(records_per_key) - 1] = counts - (records_per_key - 1) * _TOKENS_PER_RECORD
        return counts, snapshot.records["codes"][rows][np.arange(_TOKENS_PER_RECORD) < used[:, None]]

    def missing(self, keys: Keys) -> Rows:
        """Return the positions in `keys` of those that lack a record, ascending, one for equal keys."""
        _, distinct = np.unique(keys, return_index=True)
        first = self.rows(keys[distinct])
        counts = np.zeros(len(distinct), np.int64)
        counts[first >= 0] = self._snapshot.records["tokens"][first[first >= 0]]
        record_keys, records_per_key = _record_keys(keys[distinct], counts)
        is_missing = np.repeat(distinct, records_per_key)[self.rows(record_keys) < 0]
        return np.unique(is_missing)

    def compact(self, keys: Keys) -> None:
        """Rewrite the file without the codes of other passages, if those are most of it. Raises OSError."""
        used = np.unique(keys)
        first = self.rows(used)
        counts = self._snapshot.records["tokens"][first[first >= 0]].astype(np.int64)
        super().compact(_record_keys(used[first >= 0], counts)[0])


def _record_keys(keys: Keys, counts: NDArray[np.int64]) -> tuple[Keys, NDArray[np.int64]]:
    """Return the keys of the records of passages with these token counts, and how many records each has."""
    records_per_key = np.maximum(-(-counts // _TOKENS_PER_RECORD), 1)
    first = np.cumsum(records_per_key) - records_per_key
    ordinals = np.arange(records_per_key.sum()) - np.repeat(first, records_per_key)
    with np.errstate(over="ignore"):
        record_keys: Keys = np.repeat(keys, records_per_key) + ordinals.astype(np.uint64) * _CHECKSUM_FACTOR
    return record_keys, records_per_key


def _release_pages(records: Records) -> None:
    """Unmap the pages of a file that were read to verify it, which would count as memory of the process."""
    base = records.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _intact_rows(records: Records) -> Rows:
    """Return the positions of the records that match their checksums."""
    return np.flatnonzero(_checksums(records) == records["sum"])


def _checksums(records: Records) -> NDArray[np.uint64]:
    """Return the checksum of each record: a weighted sum of its 64-bit words without the checksum."""
    if not len(records):
        return np.zeros(0, np.uint64)
    words = np.frombuffer(np.ascontiguousarray(records).tobytes(), "<u8").reshape(len(records), -1)
    factors = _CHECKSUM_FACTOR * np.arange(1, words.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    with np.errstate(over="ignore"):
        sums: NDArray[np.uint64] = (words * factors).sum(axis=1, dtype=np.uint64) - words[:, 1] * factors[1]
    return sums


class EncoderText(NamedTuple):
    """A text that the encoder reads, and its key in the stores. `is_whole`: it is a whole passage."""

    key: int
    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class EmbeddingStore:
    """An encoder, the store of its vectors, and that of the token codes of passages if these are compared."""

    encoder: Encoder
    store: VectorStore
    tokens: TokenStore | None = None

    @classmethod
    def open(cls, encoder: Encoder, folder: Path | None) -> "EmbeddingStore":
        """Return the encoder with the stores in a folder, or in memory."""
        code_bytes = encoder.token_codec.code_bytes
        return cls(
            encoder,
            VectorStore(folder and folder / FILE_NAME, encoder.name, encoder.dimensions),
            TokenStore(folder and folder / CODES_FILE_NAME, encoder.name, code_bytes),
        )

    @property
    def record_count(self) -> int:
        """The number of stored records: answers may change with it."""
        return len(self.store) + (len(self.tokens) if self.tokens else 0)

    @property
    def is_saved(self) -> bool:
        """Whether all records are in files; after a failure to write they are in memory."""
        return self.store.path is not None and (self.tokens is None or self.tokens.path is not None)

    def missing(self, keys: Keys, whole_keys: Keys) -> Keys:
        """Return the keys of the texts that are not encoded yet, each once; `whole_keys` are of passages."""
        missing = keys[self.store.missing(keys)]
        if self.tokens is None:
            return missing
        return np.unique(np.concatenate([missing, whole_keys[self.tokens.missing(whole_keys)]]))

    def encode(self, texts: Sequence[EncoderText], threads: int = 1) -> None:
        """Encode texts and store the results. Blocks.

        With more than one of `threads` the work is done in a pool of threads. If the results cannot be saved,
        logs a warning and keeps them in memory. Raises EncoderError if the encoder cannot be loaded.
        """
        with_tokens = [text for text in texts if text.is_whole and self.tokens is not None]
        others = [text for text in texts if not (text.is_whole and self.tokens is not None)]
        parts = _encode_in_threads(self.encoder.encode_with_tokens, with_tokens, threads)
        if not texts:
            return
        codes = [codes_of_text for _, part in parts for codes_of_text in part]
        vectors = [part for part, _ in parts] + _encode_in_threads(
            self.encoder.encode_passages, others, threads
        )
        keys = np.array([text.key for text in (*with_tokens, *others)], np.uint64)
        is_new = self.store.missing(keys)
        self._save(self.store, lambda: self.store.append(keys[is_new], np.concatenate(vectors)[is_new]))
        if self.tokens is not None and codes:
            tokens, own_keys = self.tokens, keys[: len(codes)]
            self._save(tokens, lambda: tokens.append(own_keys, codes))

    def compact(self, keys: Keys, whole_keys: Keys) -> None:
        """Remove the results of texts that no longer exist from files where they are most. Raises OSError."""
        self.store.compact(keys)
        if self.tokens is not None:
            self.tokens.compact(whole_keys)

    @staticmethod
    def _save(store: _RecordStore, append: Callable[[], None]) -> None:
        path = store.path
        try:
            append()
        except OSError as error:
            _log.warning("%s: vectors cannot be saved (%s)", path, error.strerror or error)


def _encode_in_threads(
    encode: Callable[[Sequence[str]], _Encoded], texts: Sequence[EncoderText], threads: int
) -> list[_Encoded]:
    """Return the results for equal parts of the texts, one for each thread."""
    if not texts:
        return []
    size = -(-len(texts) // threads)
    parts = [[text.text for text in texts[start : start + size]] for start in range(0, len(texts), size)]
    if len(parts) == 1:
        return [encode(parts[0])]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(encode, parts))


Ordinals = NDArray[np.intp]

# Vectors nearest by their bits, which are then compared exactly.
_MAX_RESCORED = 400
_SAMPLE_SIZE = 1_000
_VECTORS_PER_BLOCK = 20_000
# A language with fewer vectors gets no baseline of its own.
_MIN_LANGUAGE_VECTORS = 4
# A language's typical similarity is a prior that counts as this many vectors.
_PRIOR_VECTORS = 40
# How far the mean of the less similar half is below the mean of all (0.010 to 0.018 in five languages).
_LOWER_HALF_OFFSET = 0.014


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """The vectors of passages, with one bit per dimension.

    `segments` (ordinals), `passages` (numbers there), `rows` (of a store) and `bits` are parallel. `bits` has
    the shape (vectors, dimensions / 64), rounded up: the signs of the vectors after subtracting `mean`.
    `sample` are some of the vectors, with that mean; `samples` are some of each language. `mean` has the
    shape (dimensions,), a sample (vectors, dimensions).
    """

    segments: Ordinals
    passages: Ordinals
    rows: Ordinals
    bits: NDArray[np.uint64]
    mean: Vectors
    sample: Vectors
    samples: Mapping[str, Vectors]

    @classmethod
    def build(
        cls,
        segments: Ordinals,
        passages: Ordinals,
        rows: Ordinals,
        languages: NDArray[np.str_],
        store: VectorStore,
    ) -> "VectorIndex":
        """Index rows of a store, ignoring -1. The arrays are parallel; `languages` are of the passages."""
        exists = rows >= 0
        segments, passages, rows, languages = (
            segments[exists],
            passages[exists],
            rows[exists],
            languages[exists],
        )
        sample = store.vectors(sample_rows(rows))
        mean: Vectors = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], np.float32)
        bits = [
            _sign_bits(store.vectors(rows[start : start + _VECTORS_PER_BLOCK]) - mean)
            for start in range(0, len(rows), _VECTORS_PER_BLOCK)
        ]
        by_language = {str(language): rows[languages == language] for language in np.unique(languages)}
        samples = {
            language: store.vectors(sample_rows(of_language))
            for language, of_language in by_language.items()
            if _MIN_LANGUAGE_VECTORS <= len(of_language) < len(rows)
        }
        packed = np.concatenate(bits) if bits else _sign_bits(sample)
        return cls(segments, passages, rows, packed, mean, sample, samples)

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the `limit` passages with the most similar vectors (segment ordinal, number), best first."""
        if not len(self.rows):
            return []
        (wanted,) = _sign_bits((question - self.mean)[None])
        distances = np.bitwise_count(self.bits ^ wanted).sum(axis=1, dtype=np.uint16)
        count = min(_MAX_RESCORED, len(distances))
        likely = np.argpartition(distances, count - 1)[:count] if count < len(distances) else np.arange(count)
        similarity = store.vectors(self.rows[likely]) @ question
        # Ties are in the order of the index; the partition does not keep that.
        order = likely[np.lexsort((likely, -similarity))]
        positions = dict.fromkeys(
            zip(self.segments[order].tolist(), self.passages[order].tolist(), strict=True)
        )
        return list(positions)[:limit]

    def baselines(
        self, question: Vectors, languages: Sequence[str], mean_vectors: Mapping[str, Vectors]
    ) -> NDArray[np.float32]:
        """Return for each language the question's similarity to vectors that do not answer it.

        A question is more similar to any text in its own language. The fewer vectors the index has, the more
        the language's mean vector counts: a few may all be about one subject. A language with hardly any
        vectors gets the baseline of all.
        """
        by_language: dict[str, float] = {}
        for language in set(languages):
            of_language = baseline(self.samples.get(language, self.sample), question)
            if language in mean_vectors:
                count, prior = len(self.rows), float(mean_vectors[language] @ question) - _LOWER_HALF_OFFSET
                of_language = (count * of_language + _PRIOR_VECTORS * prior) / (count + _PRIOR_VECTORS)
            by_language[language] = of_language
        return np.array([by_language[language] for language in languages], np.float32)


@dataclass(frozen=True, slots=True)
class DenseIndex:
    """The vectors of an index: of whole passages, and of their pieces.

    `stored` is how many vectors the store had when this was built, `missing` how many the index needs that it
    did not have.
    """

    wholes: VectorIndex
    pieces: VectorIndex
    stored: int
    missing: int

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the nearest passages (segment ordinal, number): `limit` as wholes, `limit` by pieces."""
        return [
            *self.wholes.nearest(question, store, limit),
            *self.pieces.nearest(question, store, limit),
        ]


def sample_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Return evenly spaced rows, 1,000 to 2,000 of them, or all if there are fewer."""
    return rows[:: max(len(rows) // _SAMPLE_SIZE, 1)]


def baseline(sample: Vectors, question: Vectors) -> float:
    """Return the question's mean similarity to the less similar half of a sample, 0 for an empty one."""
    return lower_half_mean(sample @ question) if len(sample) else 0.0


def lower_half_mean(similarity: Vectors) -> float:
    """Return the mean of the lower half of similarities; there must be at least one.

    That half does not answer the question. The mean of all would be too high in a library of a few passages
    on one subject.
    """
    return float(np.sort(similarity)[: -(-len(similarity) // 2)].mean())


def _sign_bits(vectors: Vectors) -> NDArray[np.uint64]:
    """Return the signs of vectors as bits, padded to words of 64: shape (vectors, words)."""
    packed = np.packbits(vectors > 0, axis=1)
    width = -(-packed.shape[1] // 8) * 8
    return np.pad(packed, ((0, 0), (0, width - packed.shape[1]))).view(np.uint64)
