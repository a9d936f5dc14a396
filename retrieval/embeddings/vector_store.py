"""Vectors of texts in an append-only file, keyed by a digest of the text.

A vector belongs to a text, not to a place in a document. So unchanged passages keep theirs when documents or
segments change, and a process that was killed continues where it stopped. Each record has a checksum.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, Vectors

_log = logging.getLogger(__name__)

Keys = NDArray[np.uint64]
Rows = NDArray[np.intp]
Records = NDArray[np.void]

FILE_NAME = "vectors.bin"
_MAGIC = b"verbatim vectors 1\n"
_HEADER_BYTES = 256
_CHECKSUM_FACTOR = np.uint64(0x9E3779B97F4A7C15)
# Records verified at a time, 8 MB.
_RECORDS_PER_BLOCK = 20_000
# A file is compacted if it has this many times the vectors in use, and not only a few.
_MIN_WASTE_FACTOR = 3
_MIN_COMPACTED_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class _StoreState:
    """Records at one time. `keys` are those of the intact ones, ascending; `order` are their rows."""

    records: Records
    keys: Keys
    order: Rows


class VectorStore:
    """Vectors by key, quantized to 8 bits per dimension. Any thread may read and append.

    Several processes may share a file. Each appends its own vectors, and sees those of the others when it
    opens the file or appends to it.
    """

    def __init__(self, path: Path | None, model: str, dimensions: int) -> None:
        """Open the file, or keep vectors in memory if `path` is None.

        A file of another model, or with a damaged header, is replaced. Damaged records are dropped. If the
        file cannot be used, vectors are kept in memory. Each of these logs a warning.
        """
        self.path = path
        self._type = np.dtype(
            [("key", "<u8"), ("sum", "<u8"), ("scale", "<f4"), ("pad", "<u4"), ("vector", "i1", dimensions)]
        )
        self._header = (_MAGIC + f"{model}\n{dimensions}\n".encode()).ljust(_HEADER_BYTES, b"\0")
        self._empty = _StoreState(np.zeros(0, self._type), np.zeros(0, np.uint64), np.zeros(0, np.intp))
        self._lock = Lock()
        # Of the file that is mapped: another process may have replaced it since.
        self._inode: int | None = None
        self._snapshot = self._load()

    def __len__(self) -> int:
        return len(self._snapshot.keys)

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, -1 for those without a vector. Rows do not change until `compact`."""
        snapshot = self._snapshot
        if not len(snapshot.keys):
            return np.full(len(keys), -1, np.intp)
        at = np.minimum(np.searchsorted(snapshot.keys, keys), len(snapshot.keys) - 1)
        return np.where(snapshot.keys[at] == keys, snapshot.order[at], -1)

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
                _log.warning("%s: dropped damaged vectors: %d; they are computed again", self.path, damaged)
            # The size is off if a process died while it wrote a record.
            if damaged or (self.path.stat().st_size - _HEADER_BYTES) % self._type.itemsize:
                self._write(snapshot.records[np.sort(snapshot.order)])
                snapshot = self._extend(self._empty, self._map_records())
        except OSError as error:
            reason = error.strerror or error
            _log.warning("%s: cannot be used (%s); vectors stay in memory", self.path, reason)
            self.path = None
            return self._empty
        return snapshot

    def _extend(self, old: _StoreState, records: Records) -> _StoreState:
        """Return a snapshot of `records`, which begin with the old ones; only the new ones are verified."""
        blocks = range(len(old.records), len(records), _RECORDS_PER_BLOCK)
        added = [at + _intact_rows(records[at : at + _RECORDS_PER_BLOCK]) for at in blocks]
        rows = np.concatenate([old.order, *added])
        keys = np.concatenate([old.keys, *(records["key"][block] for block in added)])
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


def missing_keys(store: VectorStore, keys: Keys) -> Rows:
    """Return the positions in `keys` of those without a vector, ascending, one for equal keys."""
    _, first = np.unique(keys, return_index=True)
    return np.sort(first[store.rows(keys[first]) < 0])


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


@dataclass(frozen=True, slots=True)
class Embeddings:
    """An encoder and the store of its vectors."""

    encoder: Encoder
    store: VectorStore

    def encode(self, texts: Sequence[tuple[int, str]], threads: int = 1) -> None:
        """Compute and store the vectors of (key, text) pairs. Blocks.

        With more than one of `threads` the work is done in a pool of threads. If the vectors cannot be saved,
        logs a warning and keeps them in memory. Raises EncoderError if the encoder cannot be loaded.
        """
        vectors = self._encode_in_threads([text for _, text in texts], threads)
        path = self.store.path
        try:
            self.store.append(np.array([key for key, _ in texts], np.uint64), vectors)
        except OSError as error:
            _log.warning("%s: vectors cannot be saved (%s)", path, error.strerror or error)

    def _encode_in_threads(self, texts: Sequence[str], threads: int) -> Vectors:
        if threads == 1:
            return self.encoder.encode_passages(texts)
        size = -(-len(texts) // threads)
        parts = [texts[at : at + size] for at in range(0, len(texts), size)]
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(self.encoder.encode_passages, parts)))
