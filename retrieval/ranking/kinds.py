"""What kind of thing a token is, as far as its letters tell: what the question's kind is held against."""

from enum import IntFlag

import regex

from retrieval.ranking.analysis import Token
from retrieval.ranking.lexicon import LEXICONS

_YEAR = regex.compile(r"1\d{3}|20\d{2}")


class Kind(IntFlag):
    """The bits of one token."""

    CAPITAL = 1
    SMALL = 2
    NUMBER = 4
    YEAR = 8
    PRONOUN = 16


def kind_of(token: Token, text: str, language: str) -> Kind:
    """Tell a token's kind; scripts without case have neither capitals nor small letters."""
    letter = text[token.start]
    found = Kind(0)
    if letter.isupper():
        found |= Kind.CAPITAL
    elif letter.islower():
        found |= Kind.SMALL
    elif token.word[:1].isdigit():
        found |= Kind.NUMBER | (Kind.YEAR if _YEAR.fullmatch(token.word) else Kind(0))
    if language in LEXICONS and token.word in LEXICONS[language].pronouns:
        found |= Kind.PRONOUN
    return found
