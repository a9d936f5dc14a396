"""The candidates for an answer, and what an index must do to find them, on this machine or in a cluster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, QuestionVectors, Vectors
from retrieval.index.forward_index import ForwardIndex
from retrieval.model import Passage, Section


@dataclass(frozen=True, slots=True)
class MeaningScores:
    """How candidates compare with a question in meaning.

    `question` is its vector. `wholes` is how much more similar each passage is to it than passages of its
    language that do not answer it. `pieces` has a vector for each piece, in the order of the passages, and
    `baselines` how similar pieces of its language that do not answer are to the question.

    `compare_tokens` returns for some of the candidates, given by ordinal, how similar the most similar token
    of each is to each token of the question, shape (tokens of the question, candidates); None if a passage's
    tokens are not encoded yet. It is None where tokens are not compared.

    `answer_likeness` is, for each piece, how much it is like sentences that answer questions, whatever the
    question. It is None where tokens are not compared.
    """

    question: Vectors
    wholes: NDArray[np.float32]
    pieces: Vectors
    baselines: NDArray[np.float32]
    compare_tokens: Callable[[NDArray[np.intp]], NDArray[np.float32] | None] | None = None
    answer_likeness: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The first stage's best passages, best first, and what the second stage needs to look closer.

    The rows of `forward` are theirs. `document_frequencies` has the frequency of each term asked for, among
    `size` passages. `meaning` is None where it is not compared, or where a candidate has no vectors yet.
    """

    passages: Sequence[Passage]
    forward: ForwardIndex
    document_frequencies: Mapping[str, int]
    size: int
    meaning: MeaningScores | None = None


class Index(Protocol):
    """Finds passages by their terms."""

    @property
    def languages(self) -> Sequence[str]:
        """The languages of the passages, as ISO 639-1 codes, most passages first."""

    @property
    def size(self) -> int:
        """How many passages there are."""

    async def document_frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """Return the number of passages that have each term."""

    @property
    def encoder(self) -> Encoder | None:
        """The encoder of questions for this index, or None where vectors are not compared."""

    async def search(
        self, terms: Sequence[str], limit: int, question: QuestionVectors | None = None
    ) -> Candidates:
        """Return the `limit` passages with the best BM25 scores among those that have any of the terms.

        Passages of equal scores come by the names of their documents, and in their order there. After them
        come those whose headings, title or file name match best, and those nearest to the question's vector.
        """

    async def corrections(self, words: Sequence[str]) -> Mapping[str, str]:
        """Return for misspelt words the words of the passages that were probably meant."""


class ReadableIndex(Index, Protocol):
    """An index that can also read its documents."""

    @property
    def vector_count(self) -> int:
        """How many vectors have been made so far: answers may differ when there are more."""

    def without_encoder(self) -> Index:
        """Return the same index without its encoder, to answer from when that fails."""

    async def document_passages(self, document_id: str, first: int, count: int) -> Sequence[Passage]:
        """Return up to `count` passages of the document with this id, from its `first` one on."""

    async def ordinal(self, passage_id: str) -> int | None:
        """Return the position in its document of the passage with this id, None when there is none."""

    async def sections(self, document_name: str) -> tuple[Section, ...]:
        """Return the headings, with text below them, of the document with this name, in document order."""

    async def ping(self) -> None:
        """Run the cheapest search; raises UnavailableError when the index cannot be searched."""
