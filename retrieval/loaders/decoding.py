"""Bytes to text: byte order mark, then UTF-8, then a guess."""

import codecs
from contextlib import suppress

import regex
from charset_normalizer import from_bytes

from retrieval.errors import DocumentError
from retrieval.language import likeness

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A guess needs no more than this, and costs time in proportion.
_GUESS_FROM = 64 * 1024
# Text has hardly any control characters; a program, a picture or an archive is full of them.
_CONTROLS_IN_TEXT = 0.01
_CONTROL = regex.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
# Code pages of Latin letters look alike to a guesser: the language each makes of the bytes tells them apart.
# A few letters beyond ASCII tell nothing, and are read as the commonest of them.
_LATIN = {
    "cp1252": frozenset(
        {"ca", "da", "de", "en", "es", "eu", "fi", "fr", "ga", "id", "it", "nl", "no", "pt", "sv"}
    ),
    "cp1250": frozenset({"cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"}),
    "iso8859-2": frozenset({"cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"}),
    "cp1254": frozenset({"tr"}),
    "cp1257": frozenset({"et", "lt", "lv"}),
}
_FEW = 5
_ASCII = bytes(range(128))
_SYMBOL_IN_WORD = regex.compile(r"(?<=\p{L})[^\p{L}\p{M}\p{N}\p{P}\s\x00-\x7f]")
_NOT_TEXT = "this is not a text file; remove it, or give it the ending of its real format"


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    r"""Decode a text file; line ends become `\n`. The text holds no lone surrogates.

    `declared` is what the file itself says of its encoding: believed when it has no mark and the bytes agree.
    Raises DocumentError when the bytes are not text.
    """
    text = _decoded(data, name, declared).replace("\r\n", "\n").replace("\r", "\n")
    sample = text[:_GUESS_FROM]
    if len(_CONTROL.findall(sample)) > _CONTROLS_IN_TEXT * len(sample):
        raise DocumentError(name, _NOT_TEXT)
    return text


def _decoded(data: bytes, name: str, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding, name)
    if declared:
        with suppress(LookupError, ValueError):
            return data.decode(declared)
    if b"\0" in data[:_GUESS_FROM]:
        return _with_nulls(data, name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if _is_damaged(data):
            raise DocumentError(name, f"byte {error.start} is not valid UTF-8; save it as UTF-8") from None
    sample = data[:_GUESS_FROM]
    if _beyond_ascii(sample) * 10 < len(sample) * 3:  # only Latin letters leave that much ASCII
        return _strict(data, _latin(sample), name)
    guess = from_bytes(sample).best()
    if guess is None:
        raise DocumentError(name, "its encoding cannot be told; save it as UTF-8")
    return _strict(data, guess.encoding, name)


def _with_nulls(data: bytes, name: str) -> str:
    """Decode UTF-16 without its mark: every second byte of most texts in it is null."""
    even, odd = data[:_GUESS_FROM:2].count(0), data[1:_GUESS_FROM:2].count(0)
    paired = len(data) % 2 == 0 and max(even, odd) * 4 > min(len(data), _GUESS_FROM)
    try:
        return data.decode(("utf-16-le" if odd > even else "utf-16-be") if paired else "utf-8")
    except UnicodeDecodeError:
        raise DocumentError(name, _NOT_TEXT) from None


def _is_damaged(data: bytes) -> bool:
    """Return whether data is UTF-8 with a few broken bytes; others have no valid sequences."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(text) - (len(data) - _beyond_ascii(data)) - broken > 3 * broken


def _beyond_ascii(data: bytes) -> int:
    return len(data.translate(None, _ASCII))


def _latin(sample: bytes) -> str:
    """Choose the code page of Latin letters that makes most sense of the bytes."""
    if _beyond_ascii(sample) < _FEW:
        return "cp1252"

    def sense(encoding: str) -> tuple[bool, int, float]:
        text = sample.decode(encoding, "replace")
        language, score = likeness(text)
        return language in _LATIN[encoding], -len(_SYMBOL_IN_WORD.findall(text)), score

    return max(_LATIN, key=sense)


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(name, f"byte {error.start} is not valid {encoding}; save it as UTF-8") from None
