"""What a message asks: its text without the command and without our name."""

import re
from functools import cache

import regex

# Zero-width signs that people cannot see, alone they are no question.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d'’-]*")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
# A word of a script that sets no spaces has rarely more letters; a question rarely fewer.
_UNSPACED_WORD = 3


@cache
def _mention(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)", re.IGNORECASE | re.ASCII)


@cache
def _command(username: str) -> re.Pattern[str]:
    return re.compile(rf"\s*/(?:ask|search)(@{re.escape(username)})?(?=\s|$)", re.IGNORECASE | re.ASCII)


def question_text(text: str, username: str) -> str:
    """Find the question in a message, or nothing: `/ask@us`, `/ask` and mentions of us are taken out."""
    bare = _mention(username).sub(" ", _command(username).sub("", text, count=1))
    return bare.strip() if bare.strip(_INVISIBLE + " \t\r\n") else ""


def mentions_bot(text: str, username: str) -> bool:
    return bool(_mention(username).search(text))


def is_one_word(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) == 1 and len(_UNSPACED.findall(words[0])) <= _UNSPACED_WORD
