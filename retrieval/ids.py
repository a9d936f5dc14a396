"""Names for documents and passages, short enough for a link or a button, and the same on every machine."""

import base64
import hashlib
from functools import lru_cache

_DOCUMENT_BYTES = 6
_WORDS_BYTES = 9
WORDS_LENGTH = 12


@lru_cache(maxsize=256)
def document_id(name: str) -> str:
    """Make the id of a document from its name: 8 of A-Z a-z 0-9 _ -."""
    return _digest(name, _DOCUMENT_BYTES)


def passage_id(document: str, words: str, occurrence: int) -> str:
    """Make the id of a passage: 12 signs that tell its words, then the 8 of its document.

    Words that a document holds several times are told apart by their occurrence, counted from 0. So a passage
    keeps its id when the document changes elsewhere.
    """
    return _digest(f"{document}\0{occurrence}\0{words}", _WORDS_BYTES) + document_id(document)


def document_of(passage: str) -> str:
    """Return the id of the document that a passage id belongs to."""
    return passage[WORDS_LENGTH:]


def _digest(text: str, size: int) -> str:
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return base64.urlsafe_b64encode(raw).decode()
