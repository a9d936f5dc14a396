"""Loads subtitles (.srt, .vtt): cues are joined to sentences, and places are times.

Read here, since no library keeps the lines of cues; docs/decisions/0009-text-formats.md compares them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import pairwise

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.model import Document, LineMark, Page

MAX_CUES = 200_000
_TIME = r"(?:(?P<{0}h>\d{{1,4}}):)?(?P<{0}m>\d{{1,2}}):(?P<{0}s>\d{{1,2}})(?:[.,:]\d{{1,3}})?"
_TIMING = regex.compile(rf"\s*{_TIME.format('a')}\s*-{{1,3}}>\s*{_TIME.format('b')}(?:\s.*)?")
_TAG = regex.compile(
    r"</?(?:[ibusc]|v|lang|ruby|font|span)(?:[\s.][^<>\n]*)?>|<rt>[^<\n]*(?:</rt>)?|<[\d:.]+>|\{\\[^{}\n]*\}",
    regex.IGNORECASE,
)
_SPEAKER = regex.compile(r"<v(?:\.[^\s<>]*)?\s+(?P<name>[^<>\n]+)>")
_CUE_NUMBER = regex.compile(r"\s*\d{1,7}\s*")
_HEADER = regex.compile(r"WEBVTT(?:[ \t]+[-–—]?\s*(?P<title>.*))?")
# Previews of a player's time bar name parts of pictures.
_PICTURE = regex.compile(r"\S+\.(?:jpe?g|png|webp)(?:#xywh=\S*)?")
_SENTENCE_END = regex.compile(r"[.!?…؟。！？]['\"”’»)\]♪]*")
_TURN = regex.compile(r"(?:[-–—‐]\s*|>>\s*|[♪#]\s*)(?=\S)")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\u3000-\u303f\uff01-\uff5e]")
# A paragraph ends at the end of a sentence after this many characters, or before a pause.
_MIN_PARAGRAPH_CHARS = 250
_MAX_PARAGRAPH_CHARS = 1500
_PAUSE_SECONDS = 3
_LONG_PAUSE_SECONDS = 8
# Captions that scroll repeat the last line of the cue before; songs and quarrels do, too, but not so often.
_MIN_SCROLLING_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class _Cue:
    """A cue: its times in seconds, its speaker or "", and its lines with their numbers."""

    start: int
    end: int
    speaker: str
    lines: tuple[tuple[int, str], ...]


def load(data: bytes, name: str) -> Document:
    """Load an .srt or .vtt file; its title is that of the header, else the name of the file."""
    lines = decode(data, name).split("\n")
    header = _HEADER.fullmatch(lines[0])
    cues = list(_cues(lines, name, is_vtt=header is not None))
    builder = DocumentBuilder(name)
    paragraph = _Paragraph()
    end, speaker = 0, ""
    for cue in _without_repeats(cues):
        pause = cue.start - end
        if cue.speaker != speaker or paragraph.ends_before(pause):
            paragraph.add_to(builder)
            paragraph = _Paragraph()
        if cue.speaker and cue.speaker != speaker:
            paragraph.add_cue(cue.start, ((cue.lines[0][0], f"{cue.speaker}:"),))
        paragraph.add_cue(cue.start, cue.lines)
        end, speaker = cue.end, cue.speaker
    paragraph.add_to(builder)
    title = header["title"] if header else None
    return builder.build(title or title_from_name(name), unit="time")


class _Paragraph:
    """The text of some cues, and where the cues and their lines begin in it."""

    def __init__(self) -> None:
        self._text = ""
        self._pages: list[Page] = []
        self._lines: list[LineMark] = []

    def ends_before(self, pause: int) -> bool:
        """Return whether a cue that follows after `pause` seconds begins a new paragraph."""
        if pause >= _LONG_PAUSE_SECONDS or len(self._text) >= _MAX_PARAGRAPH_CHARS:
            return True
        is_long = len(self._text) >= _MIN_PARAGRAPH_CHARS or pause >= _PAUSE_SECONDS
        return is_long and _SENTENCE_END.search(self._text, max(0, len(self._text) - 4)) is not None

    def add_cue(self, start: int, lines: Sequence[tuple[int, str]]) -> None:
        for number, (line, words) in enumerate(lines):
            if self._text:
                is_unspaced = _UNSPACED.match(self._text[-1]) and _UNSPACED.match(words)
                self._text += "\n" if _TURN.match(words) else "" if is_unspaced else " "
            if number == 0:
                self._pages.append(Page(len(self._text), _format_time(start)))
            self._lines.append(LineMark(len(self._text), line))
            self._text += words

    def add_to(self, builder: DocumentBuilder) -> None:
        builder.add_block(self._text, self._lines, pages=self._pages)


def _cues(lines: Sequence[str], name: str, *, is_vtt: bool) -> Iterator[_Cue]:
    """Yield the cues that have text. Raises DocumentError for more than MAX_CUES or for none with a time."""
    timings = [(index, timing) for index, line in enumerate(lines) if (timing := _TIMING.fullmatch(line))]
    if len(timings) > MAX_CUES:
        raise DocumentError(name, f"has more than {MAX_CUES} cues; split it", kind=ProblemKind.TOO_LARGE)
    if not timings:
        raise DocumentError(name, "has no times such as 00:00:01,000 --> 00:00:02,000; save it again")
    ends = [index for index, _ in timings[1:]] + [len(lines)]
    for (index, timing), end in zip(timings, ends, strict=True):
        text_lines = list(enumerate(lines[index + 1 : end], index + 2))
        if is_vtt:
            blank = next(
                (place for place, (_, line) in enumerate(text_lines) if not line.strip()), len(text_lines)
            )
            text_lines = text_lines[:blank]
        elif end < len(lines):
            while text_lines and not text_lines[-1][1].strip():
                text_lines.pop()
            if text_lines and _CUE_NUMBER.fullmatch(text_lines[-1][1]):
                text_lines.pop()
        speaker = next(
            (found["name"].strip() for _, line in text_lines if (found := _SPEAKER.search(line))), ""
        )
        texts = ((number, _plain(line, is_vtt=is_vtt)) for number, line in text_lines)
        filled = tuple((number, text) for number, text in texts if text)
        if filled and not all(_PICTURE.fullmatch(text) for _, text in filled):
            yield _Cue(_seconds(timing, "a"), _seconds(timing, "b"), speaker, filled)


def _plain(line: str, *, is_vtt: bool) -> str:
    text = _TAG.sub("", line)
    return " ".join((unescape(text) if is_vtt else text).split())


def _without_repeats(cues: list[_Cue]) -> Iterator[_Cue]:
    """Yield the cues; of captions that scroll without the lines that the cue before has shown."""
    repeats = sum(a.lines[-1][1] == b.lines[0][1] for a, b in pairwise(cues))
    is_scrolling = repeats > _MIN_SCROLLING_SHARE * (len(cues) - 1) and repeats > 1
    previous: list[str] = []
    for cue in cues:
        words = [text for _, text in cue.lines]
        new = cue.lines
        if is_scrolling:
            new = cue.lines[_count_common(previous, words) :]
        previous = words
        if new:
            yield _Cue(cue.start, cue.end, cue.speaker, new)


def _count_common(above: list[str], below: list[str]) -> int:
    """Return how many of the last lines of one cue are the first lines of the next."""
    longest = min(len(above), len(below))
    return next((count for count in range(longest, 0, -1) if above[-count:] == below[:count]), 0)


def _seconds(timing: regex.Match[str], which: str) -> int:
    return 3600 * int(timing[f"{which}h"] or 0) + 60 * int(timing[f"{which}m"]) + int(timing[f"{which}s"])


def _format_time(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
