"""The form that all spellings of a phrase share: for phrases that the bot knows, and for names of documents.

No language is needed. `retrieval/index/tokenizer.py` folds the words of documents and questions, by the
rules of their language.
"""

import re
import unicodedata
from functools import lru_cache

_UNSPACED_RANGES = r"\u2e80-\u9fff\u3040-\u30ff"
_UNSPACED_GAP = re.compile(rf"(?<=[{_UNSPACED_RANGES}]) (?=[{_UNSPACED_RANGES}])")
_BLANKS = re.compile(" +")
# Letters that people write for one another, beside those with accents.
_ALIKE = str.maketrans({"ı": "i", "ى": "ي", "ة": "ه", "ٱ": "ا", "ـ": ""})


def fold_phrase(text: str) -> str:
    """Return a text in lower case, without accents and punctuation.

    Words are separated by one blank; characters of scripts without spaces are not.
    """
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_ALIKE)
    words = _BLANKS.sub(" ", "".join(map(_fold_character, letters))).strip(" ")
    return _UNSPACED_GAP.sub("", words)


@lru_cache(maxsize=4_096)
def _fold_character(character: str) -> str:
    """Return a letter or number as it is, a blank for what separates words, and nothing for accents."""
    kind = unicodedata.category(character)
    if kind[0] in "MC" and character not in "\t\r\n":
        return ""
    return character if kind[0] in "LN" else " "


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return what `fold_phrase` does, and for each character the offset of the one it comes from."""
    folded: list[str] = []
    offsets: list[int] = []
    for at, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character.casefold()).translate(_ALIKE):
            letter = _fold_character(part)
            if letter and (letter != " " or (folded and folded[-1] != " ")):
                folded.append(letter)
                offsets.append(at)
    while folded and folded[-1] == " ":
        folded.pop()
        offsets.pop()
    joined = "".join(folded)
    gaps = {match.start() for match in _UNSPACED_GAP.finditer(joined)}
    kept = [at for at in range(len(joined)) if at not in gaps]
    return "".join(joined[at] for at in kept), [offsets[at] for at in kept]
