"""What kind of thing a token is, as far as its letters tell: what the question's kind is held against."""

from enum import IntFlag

import regex

from retrieval.ranking.analysis import Token

_YEAR = regex.compile(r"1\d{3}|20\d{2}")


class Kind(IntFlag):
    """The bits of one token."""

    CAPITAL = 1
    SMALL = 2
    YEAR = 4
    NUMBER = 8


_NEITHER = Kind(0)  # made once: this is asked of every token


def kind_of(token: Token, text: str) -> Kind:
    """Tell a token's kind; scripts without case have neither capitals nor small letters."""
    letter = text[token.start]
    if letter.isupper():
        return Kind.CAPITAL
    if letter.islower():
        return Kind.SMALL
    if not letter.isdigit():
        return _NEITHER
    return Kind.YEAR | Kind.NUMBER if _YEAR.fullmatch(token.word) else Kind.NUMBER
