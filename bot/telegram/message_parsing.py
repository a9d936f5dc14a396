"""Finds the question in a message: its text without the command and the bot's name."""

import re
from functools import cache

import regex

# Invisible characters; a text of these alone is not a question.
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d'’-]*")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
# In scripts without spaces between words, a word rarely has more letters and a question rarely has fewer.
_MAX_UNSPACED_WORD_CHARS = 3


@cache
def _mention_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)", re.IGNORECASE | re.ASCII)


@cache
def _command_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"\s*/(?:ask|search)(@{re.escape(username)})?(?=\s|$)", re.IGNORECASE | re.ASCII)


def question_text(text: str, username: str) -> str:
    """Return the text without `/ask`, `/search` and mentions of the bot; empty if nothing visible is left."""
    question = _mention_pattern(username).sub(" ", _command_pattern(username).sub("", text, count=1))
    return question.strip() if question.strip(_ZERO_WIDTH + " \t\r\n") else ""


def mentions_bot(text: str, username: str) -> bool:
    return bool(_mention_pattern(username).search(text))


def is_one_word(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) == 1 and len(_UNSPACED.findall(words[0])) <= _MAX_UNSPACED_WORD_CHARS
