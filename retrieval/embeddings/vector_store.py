"""Vectors of texts in an append-only file, found by a digest of the text."""

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
# Records that are checked together, 8 MB of them.
_RECORDS_PER_BLOCK = 20_000
# A file is written anew when it holds this many times what is used, and is not small.
_MIN_WASTE_FACTOR = 3
_MIN_COMPACTED_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Records as they were at one time; `keys` are those of the sound ones, sorted, `order` their rows."""

    records: Records
    keys: Keys
    order: Rows


class VectorStore:
    """Vectors by key, quantized to 8 bits a dimension. Any thread may read and append.

    Several processes may use one file: each appends its own vectors, and finds those of the others when it
    appends or opens the file.
    """

    def __init__(self, path: Path | None, model: str, dimensions: int) -> None:
        """Open the file, or keep the vectors in memory without one.

        A file of another model, or with a damaged header, is replaced; damaged records are left out. A file
        that cannot be used is one line in the log.
        """
        self.path = path
        self._type = np.dtype(
            [("key", "<u8"), ("sum", "<u8"), ("scale", "<f4"), ("pad", "<u4"), ("vector", "i1", dimensions)]
        )
        self._header = (_MAGIC + f"{model}\n{dimensions}\n".encode()).ljust(_HEADER_BYTES, b"\0")
        self._empty = _Snapshot(np.zeros(0, self._type), np.zeros(0, np.uint64), np.zeros(0, np.intp))
        self._lock = Lock()
        # The file whose records are mapped; another process may have put a new one in its place.
        self._inode: int | None = None
        self._snapshot = self._load()

    def __len__(self) -> int:
        return len(self._snapshot.keys)

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, -1 for those that have no vector. A row stays that of its vector."""
        snapshot = self._snapshot
        if not len(snapshot.keys):
            return np.full(len(keys), -1, np.intp)
        at = np.minimum(np.searchsorted(snapshot.keys, keys), len(snapshot.keys) - 1)
        return np.where(snapshot.keys[at] == keys, snapshot.order[at], -1)

    def vectors(self, rows: Rows) -> Vectors:
        """Return the vectors of rows that `rows` gave, shape (len(rows), dimensions)."""
        records = self._snapshot.records[rows]
        vectors: Vectors = records["vector"].astype(np.float32) * records["scale"][:, None]
        return vectors

    def append(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors and have them on the disk.

        Raises OSError when they cannot be written: these and all later ones are kept in memory then.
        """
        new = np.zeros(len(keys), self._type)
        scale = np.maximum(np.abs(vectors).max(axis=1, initial=1e-9), 1e-9) / 127
        new["key"], new["scale"] = keys, scale
        new["vector"] = np.rint(vectors / scale[:, None])
        new["sum"] = _checksums(new)
        with self._lock:
            try:
                records = self._write_end(new) if self.path else None
            except OSError:
                self.path = None
                self._keep(new)
                raise
            if records is None:
                self._keep(new)
            else:
                self._snapshot = self._grown(self._snapshot, records)

    def compact(self, keys: Keys) -> None:
        """Write the file anew without the vectors of other keys, when those are most of it. Raises OSError.

        To be called before anybody uses rows, which belong to other vectors afterwards. Without any keys
        nothing is done: a folder may be empty by mistake, and its vectors take long to make.
        """
        if self.path is None or len(self) < _MIN_COMPACTED_RECORDS:
            return
        wanted = np.unique(keys)
        if not len(wanted) or len(self) < _MIN_WASTE_FACTOR * len(wanted):
            return
        with self._lock:
            rows = self.rows(wanted)
            self._write(self._snapshot.records[rows[rows >= 0]])
            self._snapshot = self._grown(self._empty, self._mapped())

    def _load(self) -> _Snapshot:
        if self.path is None:
            return self._empty
        try:
            if not self.path.exists():
                self._write(self._empty.records)
            with self.path.open("rb") as file:
                is_ours = file.read(_HEADER_BYTES) == self._header
            if not is_ours:
                _log.warning("%s: is damaged or of another model; it is made anew", self.path)
                self._write(self._empty.records)
            snapshot = self._grown(self._empty, self._mapped())
            if damaged := len(snapshot.records) - len(snapshot.keys):
                _log.warning("%s: damaged vectors are made anew: %d", self.path, damaged)
            # The second is so where a process died while it wrote its last record.
            if damaged or (self.path.stat().st_size - _HEADER_BYTES) % self._type.itemsize:
                self._write(snapshot.records[np.sort(snapshot.order)])
                snapshot = self._grown(self._empty, self._mapped())
        except OSError as error:
            reason = error.strerror or error
            _log.warning("%s: cannot be used (%s); vectors stay in memory", self.path, reason)
            self.path = None
            return self._empty
        return snapshot

    def _grown(self, old: _Snapshot, records: Records) -> _Snapshot:
        """Add the sound ones of the records that come after the old ones."""
        first = len(old.records)
        blocks = range(first, len(records), _RECORDS_PER_BLOCK)
        found = [at + _intact_rows(records[at : at + _RECORDS_PER_BLOCK]) for at in blocks]
        rows = np.concatenate([old.order, *found])
        keys = np.concatenate([old.keys, *(records["key"][some] for some in found)])
        order = np.argsort(keys, kind="stable")
        return _Snapshot(records, keys[order], rows[order])

    def _keep(self, new: Records) -> None:
        """Add records in memory, and from then on all."""
        self._inode = None
        self._snapshot = self._grown(self._snapshot, np.concatenate([self._snapshot.records, new]))

    def _write_end(self, new: Records) -> Records | None:
        """Write records to the end of the file. Raises OSError.

        Return all its records, or None where their rows would not be those of the snapshot.
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
        return self._mapped() if is_whole and status.st_ino == self._inode else None

    def _mapped(self) -> Records:
        """Return the whole records of the file, read from the disk when they are used."""
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
        """Replace the file as a whole. Raises OSError."""
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
    """Return the positions of the keys that have no vector yet, each key once."""
    _, first = np.unique(keys, return_index=True)
    return np.sort(first[store.rows(keys[first]) < 0])


def _intact_rows(records: Records) -> Rows:
    """Return the positions of the records that are as they were written."""
    return np.flatnonzero(_checksums(records) == records["sum"])


def _checksums(records: Records) -> NDArray[np.uint64]:
    """Return a checksum a record, of all but the checksum itself."""
    if not len(records):
        return np.zeros(0, np.uint64)
    words = np.frombuffer(np.ascontiguousarray(records).tobytes(), "<u8").reshape(len(records), -1)
    factors = _CHECKSUM_FACTOR * np.arange(1, words.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    with np.errstate(over="ignore"):
        mixed: NDArray[np.uint64] = (words * factors).sum(axis=1, dtype=np.uint64) - words[:, 1] * factors[1]
    return mixed


@dataclass(frozen=True, slots=True)
class Embeddings:
    """An encoder and the store of the vectors it made."""

    encoder: Encoder
    store: VectorStore

    def encode(self, texts: Sequence[tuple[int, str]], threads: int = 1) -> None:
        """Make and keep the vectors of texts, each of which comes after its key. Blocks.

        With several `threads` others than this one do the work. Where vectors cannot be saved, the log has a
        line about it, and they are kept in memory. Raises EncoderError where the encoder cannot be loaded.
        """
        vectors = self._vectors([text for _, text in texts], threads)
        path = self.store.path
        try:
            self.store.append(np.array([key for key, _ in texts], np.uint64), vectors)
        except OSError as error:
            _log.warning("%s: vectors cannot be saved (%s)", path, error.strerror or error)

    def _vectors(self, texts: Sequence[str], threads: int) -> Vectors:
        if threads == 1:
            return self.encoder.encode_passages(texts)
        size = -(-len(texts) // threads)
        parts = [texts[at : at + size] for at in range(0, len(texts), size)]
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(self.encoder.encode_passages, parts)))
