"""Ids of documents and passages: stable across machines, short enough for links and buttons.

Also the names of documents that belong to one chat.
"""

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import PurePosixPath

_DOCUMENT_ID_BYTES = 6
_PASSAGE_DIGEST_BYTES = 9
_PASSAGE_DIGEST_CHARS = 12


@lru_cache(maxsize=256)
def document_id(name: str) -> str:
    """Return the id of a document: 8 characters of A-Z a-z 0-9 _ -, a digest of its name."""
    return _digest(name, _DOCUMENT_ID_BYTES)


def passage_id(document: str, words: str, occurrence: int) -> str:
    """Return the id of a passage: a digest of its words in 12 characters, then the 8 of its document.

    `occurrence`, from 0, distinguishes passages with the same words. A passage keeps its id when the document
    changes elsewhere.
    """
    return _digest(f"{document}\0{occurrence}\0{words}", _PASSAGE_DIGEST_BYTES) + document_id(document)


def document_of(passage: str) -> str:
    """Return the id of the document that a passage id belongs to."""
    return passage[_PASSAGE_DIGEST_CHARS:]


def _digest(text: str, size: int) -> str:
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return base64.urlsafe_b64encode(raw).decode()


# The documents of a chat are in a folder named after it, so that their ids differ from those of any other
# chat's documents and of the library's.
_OWN_DOCUMENT = re.compile(r"@(-?[0-9]{1,20})/")


def own_folder(chat: int) -> str:
    """Return the folder that begins the names of the documents of a chat."""
    return f"@{chat}"


def own_name(chat: int, file_name: str) -> str:
    """Return the name of a document of a chat."""
    return f"{own_folder(chat)}/{file_name}"


def is_own(name: str) -> bool:
    """Return whether a document belongs to a chat rather than to the library."""
    return _OWN_DOCUMENT.match(name) is not None


def shown_name(name: str) -> str:
    """Return the name of a document as people see it: without the folder of its chat."""
    return _OWN_DOCUMENT.sub("", name, count=1)


def logged_name(name: str) -> str:
    """Return the name of a document for the log, where the names of a chat's documents do not belong."""
    return f"a chat's document (*{PurePosixPath(name).suffix[:10]})" if is_own(name) else name
