"""Bytes to text: byte order mark, then UTF-8, then a guess."""

import codecs

from charset_normalizer import from_bytes

from retrieval.errors import DocumentError

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
_LINE_CONTROLS = frozenset("\n\t\f\v\x1b\x85")


def decode(data: bytes, name: str) -> str:
    r"""Decode a text file; line ends become `\n`.

    Raises DocumentError when the bytes are not text.
    """
    text = _decoded(data, name).replace("\r\n", "\n").replace("\r", "\n")
    controls = sum(not c.isprintable() and c < "\xa0" and c not in _LINE_CONTROLS for c in text[:_GUESS_FROM])
    if controls > _CONTROLS_IN_TEXT * min(len(text), _GUESS_FROM):
        raise DocumentError(
            name, "this is not a text file; remove it, or give it the ending of its real format"
        )
    return text


def _decoded(data: bytes, name: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding, name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if b"\0" in data[:_GUESS_FROM]:
            raise DocumentError(
                name, "this is not a text file; remove it, or give it the ending of its real format"
            ) from None
    guess = from_bytes(data[:_GUESS_FROM]).best()
    if guess is None:
        raise DocumentError(name, "its encoding cannot be told; save it as UTF-8")
    return _strict(data, guess.encoding, name)


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(name, f"byte {error.start} is not valid {encoding}; save it as UTF-8") from None
