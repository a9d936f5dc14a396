"""The known word a misspelt one was probably meant to be."""

from collections.abc import Collection

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.ranking.analysis import is_unspaced

# Shorter words have too many neighbours, and one edit in four letters is as far as a slip goes.
_SHORTEST = 4
_ALIKE = 0.75


def nearest(word: str, known: Collection[str]) -> str | None:
    """Find the known word with the fewest edits (a swap of neighbours is one), the first of equals; or None.

    Numbers have no misspellings, nor have scripts without spaces, whose terms are no words.
    """
    if len(word) < _SHORTEST or not word.isalpha() or is_unspaced(word):
        return None
    found = process.extractOne(word, known, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE)
    return str(found[0]) if found else None
