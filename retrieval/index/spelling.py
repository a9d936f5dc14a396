"""The known words a misspelt one was probably meant to be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.index.arrays import ArrayFile, ArrayWriter, row_ends
from retrieval.index.tokenizer import is_unspaced

# Shorter words have too many neighbours; one edit in five letters is as far as a slip goes ("president" is no
# slip of "present"), and hardly any slip is in the first letter ("mount" is none of "count").
_SHORTEST = 5
_ALIKE = 0.79  # not 0.8, which rounding would keep five letters from reaching
_SHORTEST_KNOWN = 4
# Of a shelf; more only matter where the passages of all of them are gone.
_MOST = 9

# Words are kept by their first letter and length: only those of about the length can be meant.
Shelf = tuple[str, int]


def can_be_meant(word: str) -> bool:
    """Tell whether a known word is one that a misspelt one may be meant to be."""
    return len(word) >= _SHORTEST_KNOWN and word[0].isalpha()


def shelved(words: Iterable[str]) -> Iterator[tuple[Shelf, set[str]]]:
    """Put the words that a misspelt one may be meant to be on their shelves, these in their order."""
    shelves: dict[Shelf, set[str]] = {}
    for word in words:
        if can_be_meant(word):
            shelves.setdefault((word[0], len(word)), set()).add(word)
    return iter(sorted(shelves.items()))


def merged(parts: "Sequence[Spelling]") -> Iterator[tuple[Shelf, set[str]]]:
    """Give the words of all parts, a shelf at a time."""
    for shelf in sorted({shelf for part in parts for shelf in part.shelves}):
        yield shelf, {word for part in parts for word in part.words(shelf)}


def write(shelves: Iterable[tuple[Shelf, Iterable[str]]], writer: ArrayWriter) -> list[Shelf]:
    """Write the words, and give the shelves in their order there."""
    order: list[Shelf] = []
    sizes: list[int] = []

    def texts() -> Iterator[NDArray[np.uint8]]:
        for shelf, words in shelves:
            text = "".join(sorted(words)).encode("utf-8", "surrogatepass")
            order.append(shelf)
            sizes.append(len(text))
            yield np.frombuffer(text, np.uint8)

    writer.add("spelling", texts(), np.uint8)
    writer.add("spelling_offsets", row_ends(np.array(sizes, np.int64)))
    return order


class Spelling:
    """The words of a segment. `shelves` are as `write` gave them."""

    def __init__(self, columns: ArrayFile, shelves: Sequence[Shelf]) -> None:
        self._columns = columns
        places = pairwise(columns["spelling_offsets"].tolist())
        self.shelves: dict[Shelf, tuple[int, int]] = {
            (letter, length): place for (letter, length), place in zip(shelves, places, strict=True)
        }

    def words(self, shelf: Shelf) -> list[str]:
        """Give the words of a shelf, sorted."""
        if shelf not in self.shelves:
            return []
        text = self._columns.read("spelling", *self.shelves[shelf]).decode("utf-8", "surrogatepass")
        return [text[at : at + shelf[1]] for at in range(0, len(text), shelf[1])]


def can_be_misspelt(word: str) -> bool:
    """Tell whether a word is one that is looked for.

    Numbers have no misspellings, nor have scripts without spaces, whose terms are no words.
    """
    return len(word) >= _SHORTEST and word.isalpha() and not is_unspaced(word)


def alike(word: str, words: Sequence[str]) -> list[tuple[float, str]]:
    """Give the words that one may be meant to be, each after its negated likeness; a swap is one edit."""
    found = process.extract(word, words, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE, limit=_MOST)
    return [(-likeness, other) for other, likeness, _ in found]


def nearest(word: str, spellings: Sequence[Spelling], is_known: Callable[[str], bool]) -> str | None:
    """Find the known word with the fewest edits, or None; the first of equals."""
    if not can_be_misspelt(word):
        return None
    found: list[tuple[float, str]] = []
    for length in range(_SHORTEST_KNOWN, 2 * len(word)):
        if min(length, len(word)) < _ALIKE * max(length, len(word)):
            continue
        for spelling in spellings:
            found += alike(word, spelling.words((word[0], length)))
    return next((other for _, other in sorted(found) if is_known(other)), None)
