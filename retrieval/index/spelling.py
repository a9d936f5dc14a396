"""Spelling correction: the indexed word that a misspelt one was probably meant to be.

Words are kept in buckets by first letter and length, so that only words of similar length are compared.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.index.inverted_index import row_ends
from retrieval.index.segment import ArrayWriter, Bucket, SpellingDictionary
from retrieval.language import is_unspaced

# Shorter words have too many neighbours. One edit in five letters is the limit: "president" is not corrected
# to "present". The first letter is nearly always right, so it must be: "mount" is not corrected to "count".
_MIN_MISSPELT_CHARS = 5
_MIN_SIMILARITY = 0.79  # not 0.8: rounding would exclude one edit in five letters
_MIN_WORD_CHARS = 4
# More are only needed if the passages of all of these are deleted.
_MAX_MATCHES_PER_BUCKET = 9


def is_correction_candidate(word: str) -> bool:
    """Return whether an indexed word can be a correction."""
    return len(word) >= _MIN_WORD_CHARS and word[0].isalpha()


def group_words(words: Iterable[str]) -> Iterator[tuple[Bucket, set[str]]]:
    """Return the words that can be corrections, by bucket, in the order of the buckets."""
    buckets: dict[Bucket, set[str]] = {}
    for word in words:
        if is_correction_candidate(word):
            buckets.setdefault((word[0], len(word)), set()).add(word)
    return iter(sorted(buckets.items()))


def merge_buckets(parts: Sequence[SpellingDictionary]) -> Iterator[tuple[Bucket, set[str]]]:
    """Yield the words of all dictionaries, by bucket, in the order of the buckets."""
    for bucket in sorted({bucket for part in parts for bucket in part.buckets}):
        yield bucket, {word for part in parts for word in part.words(bucket)}


def write_buckets(buckets: Iterable[tuple[Bucket, Iterable[str]]], writer: ArrayWriter) -> list[Bucket]:
    """Write the words; return the buckets in the order written."""
    order: list[Bucket] = []
    sizes: list[int] = []

    def texts() -> Iterator[NDArray[np.uint8]]:
        for bucket, words in buckets:
            text = "".join(sorted(words)).encode("utf-8", "surrogatepass")
            order.append(bucket)
            sizes.append(len(text))
            yield np.frombuffer(text, np.uint8)

    writer.add("spelling", texts(), np.uint8)
    writer.add("spelling_offsets", row_ends(np.array(sizes, np.int64)))
    return order


def is_correctable(word: str) -> bool:
    """Return whether to look for a correction of a word.

    Not of numbers, nor in scripts without spaces, whose terms are not words.
    """
    return len(word) >= _MIN_MISSPELT_CHARS and word.isalpha() and not is_unspaced(word)


def similar_words(word: str, words: Sequence[str]) -> list[tuple[float, str]]:
    """Return those of the words that `word` may be a misspelling of, each after its negated similarity.

    Similarity is by optimal string alignment: swapping two neighbouring letters is one edit.
    """
    matches = process.extract(
        word,
        words,
        scorer=OSA.normalized_similarity,
        score_cutoff=_MIN_SIMILARITY,
        limit=_MAX_MATCHES_PER_BUCKET,
    )
    return [(-similarity, match) for match, similarity, _ in matches]


def find_correction(
    word: str, dictionaries: Sequence[SpellingDictionary], is_known: Callable[[str], bool]
) -> str | None:
    """Return the most similar word that `is_known`, the first in order of equals, or None."""
    if not is_correctable(word):
        return None
    matches: list[tuple[float, str]] = []
    for length in range(_MIN_WORD_CHARS, 2 * len(word)):
        if min(length, len(word)) < _MIN_SIMILARITY * max(length, len(word)):
            continue
        for dictionary in dictionaries:
            matches += similar_words(word, dictionary.words((word[0], length)))
    return next((match for _, match in sorted(matches) if is_known(match)), None)
