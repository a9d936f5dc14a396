"""Parses JSON that may be hostile: deep nesting, huge numbers and broken characters."""

import json
from typing import Any

from retrieval.errors import DocumentError


def parse_json(text: str, name: str) -> Any:
    """Parse a JSON text; numbers stay strings, as they are written. Raises DocumentError."""
    try:
        value, end = DECODER.raw_decode(text, skip_space(text, 0))
    except json.JSONDecodeError as error:
        raise DocumentError(
            name, f"line {error.lineno} is not valid JSON ({error.msg}); correct it"
        ) from None
    except RecursionError:
        raise nesting_error(name) from None
    rest = skip_space(text, end)
    if rest < len(text):
        line = text.count("\n", 0, rest) + 1
        raise DocumentError(name, f"line {line} is not valid JSON (text after the end); correct it")
    return value


def nesting_error(name: str) -> DocumentError:
    return DocumentError(name, "is nested too deep; save it with fewer levels")


def skip_space(text: str, at: int) -> int:
    """Return the position of the first character from `at` on that is no white space."""
    while at < len(text) and text[at] in " \t\n\r":
        at += 1
    return at


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can escape but no file can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def keep_number(number: str) -> str:
    return number


# `1.10` is a version or a price: as a number it would be told as 1.1.
DECODER = json.JSONDecoder(
    parse_float=keep_number, parse_int=keep_number, parse_constant=keep_number, strict=False
)
