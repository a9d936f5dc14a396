"""What Telegram does to a text before it is a message: cleans, trims, and finds entities by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.model import Entity, TextWithEntities

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELD = {"code", "pre", "text_link", "text_mention"}
"""Kinds inside which Telegram looks for nothing."""

# Control characters become spaces; line and direction marks and three combining lines vanish.
_TO_SPACE = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_TRIMMED = " \n"

_PATTERNS = (
    ("bot_command", re.compile(r"(?<![\w/<>])/\w{1,64}(?:@\w{3,32})?(?![\w/<>])", re.ASCII)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}(?!\w)", re.ASCII | re.IGNORECASE)),
    (
        "url",
        re.compile(
            r"(?<![\w@.+-])(https?://)?(?:[\w-]+\.)+([^\W\d_]{2,})(?![\w@])(?::\d+)?(?:[/?#][^\s<>\"]*)?"
        ),
    ),
    ("mention", re.compile(r"(?<![\w/@])@[a-zA-Z]\w{3,31}(?!\w)", re.ASCII)),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d_])\w{1,256}(?!\w)")),
)
# The domains a bare name is taken for a link with: all countries, and the common others. So are file names:
# "readme.md" and "main.py" are links in Telegram.
_DOMAIN_NAMES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by
bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj
fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io
iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg
mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph
pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr st su sv sx sy
sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za
zm zw com org net edu gov mil int info biz name pro app dev xyz online site tech blog cloud zip mov news
wiki рф
"""
_DOMAINS = frozenset(_DOMAIN_NAMES.split())
_AFTER_LINK = ".,:;!?'»”"


def utf16_length(text: str) -> int:
    """Count the length of a text as Telegram counts: astral characters are two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[start * 2 : end * 2].decode("utf-16-le", "replace")


def normalised(formatted: TextWithEntities) -> TextWithEntities:
    """Return the text as Telegram stores it, with entities shifted and detected entities added."""
    return _detected(_trimmed(_cleaned(formatted)))


def _cleaned(formatted: TextWithEntities) -> TextWithEntities:
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
    return TextWithEntities(_REMOVED.sub("", text), tuple(one for one in entities if one.length))


def _trimmed(formatted: TextWithEntities) -> TextWithEntities:
    text = formatted.text.rstrip(_TRIMMED)
    cut = len(text) - len(text.lstrip(_TRIMMED))
    text = text[cut:]
    size = utf16_length(text)
    entities = []
    for one in formatted.entities:
        start, end = max(one.offset - cut, 0), min(one.end - cut, size)
        if start < end:
            entities.append(replace(one, offset=start, length=end - start))
    return TextWithEntities(text, tuple(entities))


def _detected(formatted: TextWithEntities) -> TextWithEntities:
    text = formatted.text
    taken = [(one.offset, one.end) for one in formatted.entities if one.type in _HELD]
    own = {(one.type, one.offset, one.length) for one in formatted.entities}
    found = list(formatted.entities)
    for kind, left_at, right_at in _spans(text):
        start = utf16_length(text[:left_at])
        end = start + utf16_length(text[left_at:right_at])
        if all(end <= left or right <= start for left, right in taken):
            taken.append((start, end))
            if (kind, start, end - start) not in own:
                found.append(Entity(kind, start, end - start))
    found.sort(key=lambda one: (one.offset, -one.length))
    return TextWithEntities(text, tuple(found))


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if kind != "url":
                yield kind, match.start(), match.end()
            elif match[1] or match[2].lower() in _DOMAINS:
                yield kind, match.start(), match.start() + len(_link(match[0]))


def _link(text: str) -> str:
    """Cut what follows a link: marks, and brackets it did not open."""
    while text and (text[-1] in _AFTER_LINK or (text[-1] == ")" and text.count(")") > text.count("("))):
        text = text[:-1]
    return text
