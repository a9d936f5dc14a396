"""What Telegram does to a text before it is a message: cleans, trims, and finds entities by itself."""

from __future__ import annotations

import re
from dataclasses import replace

from sandbox.model import Entity, FormattedText

_HELD = {"code", "pre", "text_link", "text_mention"}
"""Kinds inside which Telegram looks for nothing."""

# Control characters become spaces; line and direction marks and three combining lines vanish.
_TO_SPACE = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_TRIMMED = " \n"

_DETECTED = (
    ("bot_command", re.compile(r"(?<![\w/<>])/\w{1,64}(?:@\w{3,32})?(?![\w/<>])", re.ASCII)),
    ("url", re.compile(r"(?<![\w@.])https?://[^\s<>\"']*[^\s<>\"'.,:;!?)\]]", re.IGNORECASE)),
    (
        "url",
        re.compile(
            r"(?<![\w@./-])(?:[a-z0-9-]+\.)+(?:com|org|net|me|io|dev)(?:/[^\s<>\"']*[\w/])?(?![\w.@-])",
            re.IGNORECASE,
        ),
    ),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}(?!\w)", re.ASCII | re.IGNORECASE)),
    ("mention", re.compile(r"(?<![\w/@])@[a-zA-Z]\w{2,31}(?!\w)", re.ASCII)),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d_])\w{1,256}(?!\w)")),
)


def utf16_length(text: str) -> int:
    """Count the length of a text as Telegram counts: astral characters are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf16_slice(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[start * 2 : end * 2].decode("utf-16-le", "replace")


def normalised(formatted: FormattedText) -> FormattedText:
    """Give the text as Telegram stores it, entities moved along, and the ones it finds by itself added."""
    return _detected(_trimmed(_cleaned(formatted)))


def _cleaned(formatted: FormattedText) -> FormattedText:
    text = _TO_SPACE.sub(" ", formatted.text)
    gone = [utf16_length(text[: match.start()]) for match in _REMOVED.finditer(text)]
    if not gone:
        return replace(formatted, text=text)

    def moved(offset: int) -> int:
        return offset - sum(at < offset for at in gone)

    entities = tuple(
        replace(one, offset=moved(one.offset), length=moved(one.end) - moved(one.offset))
        for one in formatted.entities
    )
    return FormattedText(_REMOVED.sub("", text), tuple(one for one in entities if one.length))


def _trimmed(formatted: FormattedText) -> FormattedText:
    text = formatted.text.rstrip(_TRIMMED)
    cut = len(text) - len(text.lstrip(_TRIMMED))
    text = text[cut:]
    size = utf16_length(text)
    entities = []
    for one in formatted.entities:
        start, end = max(one.offset - cut, 0), min(one.end - cut, size)
        if start < end:
            entities.append(replace(one, offset=start, length=end - start))
    return FormattedText(text, tuple(entities))


def _detected(formatted: FormattedText) -> FormattedText:
    text = formatted.text
    taken = [(one.offset, one.end) for one in formatted.entities if one.type in _HELD]
    own = {(one.type, one.offset, one.length) for one in formatted.entities}
    found = list(formatted.entities)
    for kind, pattern in _DETECTED:
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            end = start + utf16_length(match.group())
            if all(end <= left or right <= start for left, right in taken):
                taken.append((start, end))
                if (kind, start, end - start) not in own:
                    found.append(Entity(kind, start, end - start))
    found.sort(key=lambda one: (one.offset, -one.length))
    return FormattedText(text, tuple(found))
