"""Decodes text files: by byte order mark, declared encoding, as UTF-8, or by detection."""

import codecs
from contextlib import suppress

import regex
from charset_normalizer import from_bytes

from retrieval.errors import DocumentError
from retrieval.language import closest_latin_language

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Detection takes time in proportion to the sample; a larger one is not more accurate.
_SAMPLE_BYTES = 64 * 1024
# Text has hardly any control characters; programs, pictures and archives are full of them.
_MAX_CONTROL_SHARE = 0.01
_CONTROL_CHAR = regex.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
# Charset detection confuses the Latin code pages. Each is tried, and must yield one of its languages.
# Too few non-ASCII bytes decide nothing and are decoded as the most common, cp1252.
_LATIN_CODE_PAGES = {
    "cp1252": frozenset(
        {"ca", "da", "de", "en", "es", "eu", "fi", "fr", "ga", "id", "it", "nl", "no", "pt", "sv"}
    ),
    "cp1250": frozenset({"cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"}),
    "iso8859-2": frozenset({"cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"}),
    "cp1254": frozenset({"tr"}),
    "cp1257": frozenset({"et", "lt", "lv"}),
}
_MIN_NON_ASCII_BYTES = 5
_ASCII_BYTES = bytes(range(128))
_SYMBOL_IN_WORD = regex.compile(r"(?<=\p{L})[^\p{L}\p{M}\p{N}\p{P}\s\x00-\x7f]")
_NOT_TEXT = "this is not a text file; remove it, or give it the suffix of its real format"


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    r"""Decode a text file, with line ends as `\n` and without lone surrogates.

    `declared` is the encoding that the file names. It applies if the file has no byte order mark and is valid
    in it. Raises DocumentError when the bytes are not text.
    """
    text = _decode_bytes(data, name, declared).replace("\r\n", "\n").replace("\r", "\n")
    sample = text[:_SAMPLE_BYTES]
    if len(_CONTROL_CHAR.findall(sample)) > _MAX_CONTROL_SHARE * len(sample):
        raise DocumentError(name, _NOT_TEXT)
    return text


def _decode_bytes(data: bytes, name: str, declared: str | None) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_strictly(data, encoding, name)
    if declared:
        with suppress(LookupError, ValueError):
            return data.decode(declared)
    if b"\0" in data[:_SAMPLE_BYTES]:
        return _decode_utf16_without_bom(data, name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if _is_damaged_utf8(data):
            raise DocumentError(name, f"byte {error.start} is not valid UTF-8; save it as UTF-8") from None
    sample = data[:_SAMPLE_BYTES]
    if _count_non_ascii(sample) * 10 < len(sample) * 3:  # so much ASCII occurs in Latin scripts only
        return _decode_strictly(data, _best_latin_code_page(sample), name)
    guess = from_bytes(sample).best()
    if guess is None:
        raise DocumentError(name, "its encoding cannot be detected; save it as UTF-8")
    return _decode_strictly(data, guess.encoding, name)


def _decode_utf16_without_bom(data: bytes, name: str) -> str:
    """Decode UTF-16 without a byte order mark: in most texts every second byte is null."""
    even, odd = data[:_SAMPLE_BYTES:2].count(0), data[1:_SAMPLE_BYTES:2].count(0)
    paired = len(data) % 2 == 0 and max(even, odd) * 4 > min(len(data), _SAMPLE_BYTES)
    try:
        return data.decode(("utf-16-le" if odd > even else "utf-16-be") if paired else "utf-8")
    except UnicodeDecodeError:
        raise DocumentError(name, _NOT_TEXT) from None


def _is_damaged_utf8(data: bytes) -> bool:
    """Return whether data is UTF-8 with a few broken bytes: other encodings have few valid sequences."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(text) - (len(data) - _count_non_ascii(data)) - broken > 3 * broken


def _count_non_ascii(data: bytes) -> int:
    return len(data.translate(None, _ASCII_BYTES))


def _best_latin_code_page(sample: bytes) -> str:
    """Return the Latin code page that decodes a sample to the most plausible text."""
    if _count_non_ascii(sample) < _MIN_NON_ASCII_BYTES:
        return "cp1252"

    def plausibility(encoding: str) -> tuple[bool, int, float]:
        text = sample.decode(encoding, "replace")
        language, score = closest_latin_language(text)
        return language in _LATIN_CODE_PAGES[encoding], -len(_SYMBOL_IN_WORD.findall(text)), score

    return max(_LATIN_CODE_PAGES, key=plausibility)


def _decode_strictly(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(name, f"byte {error.start} is not valid {encoding}; save it as UTF-8") from None
