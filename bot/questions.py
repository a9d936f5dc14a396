"""What a message asks: its text without the command and without our name."""

import re
from functools import cache

# Zero-width signs that people cannot see, alone they are no question.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"


@cache
def _mention(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)", re.IGNORECASE | re.ASCII)


@cache
def _command(username: str) -> re.Pattern[str]:
    return re.compile(rf"\s*/ask(@{re.escape(username)})?(?=\s|$)", re.IGNORECASE | re.ASCII)


def asked(text: str, username: str) -> str:
    """Find the question in a message, or nothing: `/ask@us`, `/ask` and mentions of us are taken out."""
    bare = _mention(username).sub(" ", _command(username).sub("", text, count=1))
    return bare.strip() if bare.strip(_INVISIBLE + " \t\r\n") else ""


def mentions(text: str, username: str) -> bool:
    return bool(_mention(username).search(text))
