"""Text of messages as Telegram stores it: cleaned, trimmed, with links, commands and tags detected."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.telegram_objects import Entity, TextWithEntities

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPAQUE_TYPES = {"code", "pre", "text_link", "text_mention"}
"""Entity types in which Telegram detects no further entities."""

# Control characters become spaces. Line separators, bidi controls and three combining lines are removed.
_REPLACED_BY_SPACE = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_TRIMMED_CHARS = " \n"

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
# A name with one of these top-level domains is a link without a scheme: all country codes and the common
# generic ones. This holds for file names as well: "readme.md" and "main.py" are links in Telegram.
_TOP_LEVEL_DOMAIN_NAMES = """
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
_TOP_LEVEL_DOMAINS = frozenset(_TOP_LEVEL_DOMAIN_NAMES.split())
_TRAILING_PUNCTUATION = ".,:;!?'»”"


def utf16_length(text: str) -> int:
    """Return the length of a text in UTF-16 units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[start * 2 : end * 2].decode("utf-16-le", "replace")


def normalise(formatted: TextWithEntities) -> TextWithEntities:
    """Return the text as Telegram stores it, with shifted entities and the detected ones added."""
    return _add_detected_entities(_trim_ends(_clean_characters(formatted)))


def _clean_characters(formatted: TextWithEntities) -> TextWithEntities:
    text = _REPLACED_BY_SPACE.sub(" ", formatted.text)
    removed_offsets = [utf16_length(text[: match.start()]) for match in _REMOVED.finditer(text)]
    if not removed_offsets:
        return replace(formatted, text=text)

    def shift(offset: int) -> int:
        return offset - sum(removed < offset for removed in removed_offsets)

    entities = tuple(
        replace(entity, offset=shift(entity.offset), length=shift(entity.end) - shift(entity.offset))
        for entity in formatted.entities
    )
    return TextWithEntities(_REMOVED.sub("", text), tuple(entity for entity in entities if entity.length))


def _trim_ends(formatted: TextWithEntities) -> TextWithEntities:
    text = formatted.text.rstrip(_TRIMMED_CHARS)
    cut = len(text) - len(text.lstrip(_TRIMMED_CHARS))
    text = text[cut:]
    size = utf16_length(text)
    entities = []
    for entity in formatted.entities:
        start, end = max(entity.offset - cut, 0), min(entity.end - cut, size)
        if start < end:
            entities.append(replace(entity, offset=start, length=end - start))
    return TextWithEntities(text, tuple(entities))


def _add_detected_entities(formatted: TextWithEntities) -> TextWithEntities:
    text = formatted.text
    occupied = [(entity.offset, entity.end) for entity in formatted.entities if entity.type in _OPAQUE_TYPES]
    present = {(entity.type, entity.offset, entity.length) for entity in formatted.entities}
    entities = list(formatted.entities)
    for kind, start_index, end_index in _find_entity_spans(text):
        start = utf16_length(text[:start_index])
        end = start + utf16_length(text[start_index:end_index])
        if all(end <= left or right <= start for left, right in occupied):
            occupied.append((start, end))
            if (kind, start, end - start) not in present:
                entities.append(Entity(kind, start, end - start))
    entities.sort(key=lambda entity: (entity.offset, -entity.length))
    return TextWithEntities(text, tuple(entities))


def _find_entity_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the type, start and end of each detected entity, in characters."""
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if kind != "url":
                yield kind, match.start(), match.end()
            elif match[1] or match[2].lower() in _TOP_LEVEL_DOMAINS:
                yield kind, match.start(), match.start() + len(_trim_link(match[0]))


def _trim_link(text: str) -> str:
    """Return a link without trailing punctuation and without closing brackets that it did not open."""
    while text and (
        text[-1] in _TRAILING_PUNCTUATION or (text[-1] == ")" and text.count(")") > text.count("("))
    ):
        text = text[:-1]
    return text
