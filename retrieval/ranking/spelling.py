"""The known word a misspelt one was probably meant to be."""

from collections.abc import Collection

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.ranking.analysis import is_unspaced

# Shorter words have too many neighbours; one edit in five letters is as far as a slip goes ("president" is no
# slip of "present"), and hardly any slip is in the first letter ("mount" is none of "count").
_SHORTEST = 5
_ALIKE = 0.79  # not 0.8, which rounding would keep five letters from reaching


class Speller:
    """Knows words by their first letters, once a word with that letter is looked for."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._by_letter: dict[str, list[str]] = {}

    def nearest(self, word: str) -> str | None:
        """Find the known word with the fewest edits (a swap is one), or None; the first of equals.

        Numbers have no misspellings, nor have scripts without spaces, whose terms are no words.
        """
        if len(word) < _SHORTEST or not word.isalpha() or is_unspaced(word):
            return None
        if word[0] not in self._by_letter:
            self._by_letter[word[0]] = sorted(other for other in self._known if other[:1] == word[0])
        alike = self._by_letter[word[0]]
        found = process.extractOne(word, alike, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE)
        return str(found[0]) if found else None
