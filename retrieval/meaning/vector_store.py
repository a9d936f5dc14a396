"""Vectors of windows in a file that only grows, found by a digest of the window's text.

Because a vector belongs to a text and not to a place, unchanged passages keep theirs when documents or segments
change, and a process that was killed goes on where it stopped. Each record has a checksum.
"""

import logging
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from retrieval.meaning.encoder import Vectors

_log = logging.getLogger(__name__)

Keys = NDArray[np.uint64]
Rows = NDArray[np.intp]
Records = NDArray[np.void]

FILE_NAME = "vectors.bin"
_MAGIC = b"verbatim vectors 1\n"
_HEADER_BYTES = 256
_CHECKSUM_FACTOR = np.uint64(0x9E3779B97F4A7C15)
# A file is written anew when it holds this many times what is used, and is not small.
_WASTE = 3
_SMALL_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Records as they were at one time; `order` sorts their keys."""

    records: Records
    keys: Keys
    order: Rows


class VectorStore:
    """Vectors by key, quantized to 8 bits a dimension. Readers need no lock; writers of one process share one."""

    def __init__(self, path: Path | None, model: str, dimensions: int) -> None:
        """Open the file, or keep the vectors in memory without one.

        A file of another model, or with a damaged header, is replaced; damaged records are left out.
        """
        self.path = path
        self._type = np.dtype(
            [("key", "<u8"), ("sum", "<u8"), ("scale", "<f4"), ("pad", "<u4"), ("vector", "i1", dimensions)]
        )
        self._header = (_MAGIC + f"{model}\n{dimensions}\n".encode()).ljust(_HEADER_BYTES, b"\0")
        self._lock = Lock()
        self._snapshot = self._load()

    def __len__(self) -> int:
        return len(self._snapshot.keys)

    def rows(self, keys: Keys) -> Rows:
        """Return the row of each key, -1 for those that have no vector."""
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
        """Add vectors and have them on the disk. Raises OSError; then they are kept in memory."""
        new = np.zeros(len(keys), self._type)
        scale = np.maximum(np.abs(vectors).max(axis=1, initial=1e-9), 1e-9) / 127
        new["key"], new["scale"] = keys, scale
        new["vector"] = np.rint(vectors / scale[:, None])
        new["sum"] = _checksums(new)
        with self._lock:
            try:
                if self.path:
                    with self.path.open("ab") as file:
                        file.write(new.tobytes())
                        file.flush()
                        os.fsync(file.fileno())
            finally:
                self._snapshot = self._sorted(np.concatenate([self._snapshot.records, new]))

    def compact(self, keys: Keys) -> None:
        """Write the file anew without the vectors of other keys, when those are most of it. Raises OSError."""
        if self.path is None or len(self) < max(_SMALL_RECORDS, _WASTE * len(keys)):
            return
        with self._lock:
            rows = self.rows(np.unique(keys))
            records = self._snapshot.records[rows[rows >= 0]]
            self._write(records)
            self._snapshot = self._sorted(self._mapped())

    def _load(self) -> _Snapshot:
        none = np.zeros(0, self._type)
        if self.path is None:
            return self._sorted(none)
        try:
            with self.path.open("rb") as file:
                is_ours = file.read(_HEADER_BYTES) == self._header
            records = self._mapped() if is_ours else none
            if not is_ours:
                _log.warning("%s: is damaged or of another model; it is made anew", self.path)
                self._write(none)
            sound = _checksums(records) == records["sum"]
            if not sound.all():
                _log.warning("%s: %d vectors are damaged and are made anew", self.path, int((~sound).sum()))
                records = records[sound]
                self._write(records)
            elif is_ours and (self.path.stat().st_size - _HEADER_BYTES) % self._type.itemsize:
                # The process died while it wrote the last record.
                self._write(records)
        except FileNotFoundError:
            with suppress(OSError):
                self._write(none)
            return self._sorted(none)
        except OSError as error:
            _log.warning("%s: cannot be used (%s); vectors stay in memory", self.path, error.strerror or error)
            self.path = None
            return self._sorted(none)
        return self._sorted(records)

    def _mapped(self) -> Records:
        """Return the whole records of the file, read from the disk when they are used."""
        if self.path is None:
            return np.zeros(0, self._type)
        count = (self.path.stat().st_size - _HEADER_BYTES) // self._type.itemsize
        if count <= 0:
            return np.zeros(0, self._type)
        return np.memmap(self.path, self._type, "r", _HEADER_BYTES, (count,))

    def _sorted(self, records: Records) -> _Snapshot:
        order = np.argsort(records["key"], kind="stable")
        return _Snapshot(records, np.ascontiguousarray(records["key"][order]), order)

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


def missing(store: VectorStore, keys: Keys) -> Rows:
    """Return the positions of the keys that have no vector yet, each key once."""
    _, first = np.unique(keys, return_index=True)
    return np.sort(first[store.rows(keys[first]) < 0])


def _checksums(records: Records) -> NDArray[np.uint64]:
    """Return a checksum a record, of all but the checksum itself."""
    if not len(records):
        return np.zeros(0, np.uint64)
    words = np.frombuffer(np.ascontiguousarray(records).tobytes(), "<u8").reshape(len(records), -1)
    factors = _CHECKSUM_FACTOR * np.arange(1, words.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    with np.errstate(over="ignore"):
        mixed: NDArray[np.uint64] = (words * factors).sum(axis=1, dtype=np.uint64) - words[:, 1] * factors[1]
    return mixed


def batches(positions: Rows, size: int) -> Sequence[Rows]:
    """Return positions in batches of at most `size`."""
    return [positions[at : at + size] for at in range(0, len(positions), size)]
