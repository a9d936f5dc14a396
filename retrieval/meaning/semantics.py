"""An encoder and the vectors it has made: what an index needs to compare meanings."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from retrieval.meaning.encoder import Encoder, Vectors
from retrieval.meaning.vector_store import VectorStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Semantics:
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
