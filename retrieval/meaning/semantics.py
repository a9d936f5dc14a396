"""An encoder and the vectors it has made: what an index needs to compare meanings."""

from dataclasses import dataclass

from retrieval.meaning.encoder import Encoder
from retrieval.meaning.vector_store import VectorStore


@dataclass(frozen=True, slots=True)
class Semantics:
    """An encoder and the store of the vectors it made."""

    encoder: Encoder
    store: VectorStore
