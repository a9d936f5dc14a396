"""Finds the lines of a text that are headings: numbered, underlined, in capitals, bold, or ending in a colon.

A line is a heading by its shape and by its place: it is short and neither a sentence nor a row of a table; a
gap is above it and text below it. Numbers must be consecutive, with text between them, otherwise they count
the items of a list. The first words of a paragraph are a heading, too, if they are a title with a number or
in bold type: "1. Rent. The rent is 900 euros." Such a run-in heading stays a part of its paragraph. The words
that can precede a number are in heading_words.toml, which a speaker of a language can edit; the rest does not
depend on the language.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal
from unicodedata import east_asian_width, normalize

import regex

from retrieval.model import Span

_MAX_COLUMNS = 100
_MAX_WORDS = 16
# Of titles without a number.
_MAX_PLAIN_COLUMNS = 60
_MAX_COLON_COLUMNS = 40
_MAX_COLON_WORDS = 3
_MIN_CAPITALS = 4
_MAX_ADJACENT_CAPITALS = 2
# The share of consecutive numbers that must be titles with text below them.
_MIN_TITLES_SHARE = 0.75
_MIN_WORD_TITLES_SHARE = 0.5
_MIN_RUN_ITEMS = 2
_MIN_MISREAD_RUN = 3
# Speakers, names of columns and answers recur, headings rarely.
_MIN_DISTINCT_SHARE = 0.7
_MIN_UNNUMBERED = 2
# Of paragraphs that begin with a short line, in a text without other headings.
_MIN_TIGHT_HEADINGS = 3
_MAX_LEVELS = 6
# The length of a rule under a title, in lengths of the title.
_MIN_RULE_SHARE, _MAX_RULE_SHARE = 0.6, 1.7
# Lines wrapped by hand have 60 to 80 columns, some up to 160.
MIN_WRAPPED_COLUMNS = 60
MAX_WRAPPED_COLUMNS = 160

_RULE = regex.compile(r"([=\-~*_#^+─━═—–])\1{2,}")
_BETWEEN_SIGNS = regex.compile(r"(?P<sign>[=*#~_-]{2,})\s*(?P<title>[^\s=*#~_-].*?)\s*[=*#~_-]{2,}")
_DECORATION = regex.compile(r"^(?://+|#+|\*+|=+|~+|>+|-{2,})\s*(?=[^\s\-*=#~])")
_DECORATION_END = regex.compile(r"\s*(?://+|#+|\*+|=+|~+|-{2,})$")
_SENTENCE_END = regex.compile(r"[.!。！।۔…;；,，،、]['\"”’»)\]]*$")
_COLON_END = regex.compile(r"\s*[:：﹕]$")
# Columns of a table, places to fill in, dots that lead to a page number, links and addresses.
_NO_TITLE = regex.compile(r"\S(?:\s{3,}|\t\s*|  )\S|\||_{3}|\.{4}|…{2}|://|\S@\S")
_LETTER = regex.compile(r"\p{L}")
_TITLE_START = regex.compile(r"[\"'“”„«»‘’(（《「【\[¿¡*]*(?:\p{Lu}|\p{Lt}|\p{Lo}|\p{Lm}|\p{N})")
_LOWER = regex.compile(r"[\"'“”„«»(]*\p{Ll}(?![.)])")
_LONG_WORD = regex.compile(r"[\p{L}\p{M}'’]{5,}")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_BULLET = regex.compile(r"[•◦▪▫‣●○■□◆➢✓·*–—-]\s")

_SIGN = regex.compile(r"[§$&%]")
_MISREAD_SIGN = tuple(
    regex.compile(rf"{sign}(?P<number>[1-9]\d?)\s+(?P<title>\p{{L}}.*)")
    for sign in (r"(?:[§$&%]{1,2}\s?)?", r"[85S]\s?")
)
_TITLE_SEPARATOR = regex.compile(r"[:：–—―-]")
_ROMAN = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_ROMAN_NUMBER, _DIGITS = regex.compile(_ROMAN), regex.compile(r"\d+")
_HAN = r"[〇零一二三四五六七八九十百壹贰貳叁參肆伍陆陸柒捌玖拾]{1,6}"
_DECIMAL = r"\d{1,3}(?:\.\d{1,3}){0,4}"
_NUMBER = regex.compile(
    rf"(?:(?P<decimal>{_DECIMAL})(?P<stop>\.?\)|\.|\)|:|(?=\s))|(?P<roman>{_ROMAN})(?P<stop>[.)])"
    rf"|(?P<letter>[A-Z])(?P<stop>[.)])|\((?P<decimal>{_DECIMAL})(?P<stop>\))|\((?P<roman>{_ROMAN})(?P<stop>\))"
    rf"|(?P<han>{_HAN})(?P<stop>[、．.])|[（(](?P<han>{_HAN})(?P<stop>[）)]))"
    r"(?P<space>\s*)(?P<title>\S.*)"
)
_WORD_NUMBER = (
    rf"(?P<number>\d{{1,4}}(?:\.\d{{1,3}}){{0,4}}\.?\p{{Lu}}?(?:er|ère|º|°|ª)?|{_ROMAN}|\p{{Lu}})"
    r"(?![\p{L}\p{N}])"
)
_AFTER_WORD = r"(?P<stop>(?:\s*[.:：)\-–—―]+)*)(?P<space>\s*)(?P<title>.*)"

# A title before a sentence: "Rent. The rent is", "Rent: The rent is", "Rent – the rent is".
_RUN_IN = regex.compile(
    r"(?P<title>[^.:：。!?;；\n]*?[\p{L}\p{N})\"”’»])"
    r"(?:(?P<sign>\.(?:\s*[–—-])?)\s+(?=[\"'“„«(¿¡]?[\p{Lu}\p{Lo}])|(?P<sign>:|\s[–—])\s+(?=\S)|(?P<sign>[：。])\s*(?=\S))"
)
_RUN_IN_END = regex.compile(r"\s*[.:：。–—-]+$")
_RUN_IN_START = regex.compile(r"\s*[.:：–—-]\s")
_ABBREVIATION = regex.compile(r"(?:^|[\s(])(?:[\p{Lu}\p{Ll}]{1,2}|[Aa]rt|[Aa]bs|Mrs|Prof|Nos?)$")
_MAX_RUN_IN_WORDS = 6
# No sentence: "Open it" is one, but rarely do most items of a list have so few words.
_MAX_SHORT_WORDS = 2
_MIN_RUN_IN_TEXT_CHARS = 12
_MIN_RUN_IN_TEXT_WORDS = 5

Kind = Literal["rule", "word", "number", "capitals", "bold", "colon", "plain", "tight"]
_NUMBERED: tuple[Kind, ...] = ("word", "number")
_PROMINENT: tuple[Kind, ...] = ("rule", "capitals", "bold")


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line without the spaces around it.

    `is_apart`: it has a gap above it or begins a paragraph. `is_full`: the first word of the next line does
    not fit into it; None if only the widths of the lines can show this. Its first `bold_chars` are in bold
    type.
    """

    text: str
    is_apart: bool
    is_full: bool | None = None
    bold_chars: int = 0

    @property
    def is_bold(self) -> bool:
        return 0 < len(self.text) <= self.bold_chars


@dataclass(frozen=True, slots=True)
class HeadingLines:
    """A heading: the numbers of its first and its last line, its level from 1, and its words.

    `end` is the number of the line after it and after a rule below it. A run-in heading are the first
    `run_in_chars` of its line, which is a line of its text, too: `end` is its own number.
    """

    first: int
    last: int
    end: int
    level: int
    text: str
    is_numbered: bool
    run_in_chars: int = 0

    def span(self, first: Span, last: Span) -> Span:
        """Return the span of the heading from those of its first and its last line."""
        return Span(first.start, first.start + self.run_in_chars if self.run_in_chars else last.end)


@dataclass(frozen=True, slots=True)
class _Style:
    """How a heading looks. Headings of one style have one level.

    `name` is the word before the number, the kind of number or the character of the rule; `depth` is 2 for
    numbers such as 1.2.
    """

    kind: Kind
    name: str = ""
    depth: int = 1


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A line that may be a heading. `number` are the parts of its number; the rest is as in HeadingLines."""

    first: int
    last: int
    end: int
    style: _Style
    number: tuple[int, ...] = ()
    run_in_chars: int = 0


@dataclass(frozen=True, slots=True)
class _Item:
    """A line that begins with a number, and whether its words can be a title with text below.

    `run_in` is the title that it begins with, if text may follow that on the line.
    """

    at: int
    style: _Style
    number: tuple[int, ...]
    is_title: bool
    run_in: "_RunIn | None" = None

    def heading(self) -> _Candidate:
        """Return the line as a heading."""
        if self.is_title or self.run_in is None:
            return _Candidate(self.at, self.at, self.at + 1, self.style, self.number)
        return _Candidate(self.at, self.at, self.at, self.style, self.number, self.run_in.chars)


@dataclass(frozen=True, slots=True)
class _RunIn:
    """A title of this many characters, with its number, before other text on its line.

    `is_likely` if it is too short for a sentence, in title case or in bold type.
    """

    chars: int
    title: str
    is_likely: bool


# Lines with a sign that OCR took for §.
_MISREAD = _Style("word", "§")


def find_headings(lines: Sequence[TextLine]) -> list[HeadingLines]:
    """Return the headings among the lines of a text, which has no blank ones, in order."""
    text = _Text(lines)
    headings = {candidate.first: candidate for candidate in _underlined(text)}
    for candidate in (*_with_words(text), *_numbered(text)):
        headings.setdefault(candidate.first, candidate)
    headings = _without_overlaps(headings)
    for candidate in _unnumbered(text, headings):
        headings.setdefault(candidate.first, candidate)
    taken = {index for candidate in headings.values() for index in range(candidate.first, candidate.last + 1)}
    for candidate in _bold_run_ins(text, taken):
        headings.setdefault(candidate.first, candidate)
    headings = _without_overlaps(headings)
    return _with_levels(text, [headings[first] for first in sorted(headings)])


class _Text:
    """The lines of a text, and what can be asked about one of them."""

    def __init__(self, lines: Sequence[TextLine]) -> None:
        self.lines = lines
        self.count = len(lines)
        self._plain = [_undecorated(normalize("NFC", line.text)) for line in lines]
        widths = [width_in_columns(line.text) for line in lines]
        inner = sorted(
            width
            for width, line, after in zip(widths, lines, lines[1:], strict=False)
            if line.text and not after.is_apart
        )
        usual = inner[len(inner) * 4 // 5] if inner else 0
        # The columns that the lines of each paragraph could fill.
        self._columns = [max(usual, MIN_WRAPPED_COLUMNS, width) for width in widths]
        for index in range(self.count - 2, -1, -1):
            if not lines[index + 1].is_apart:
                self._columns[index] = max(self._columns[index], self._columns[index + 1])

    def words(self, index: int) -> str:
        return self.lines[index].text

    def plain(self, index: int) -> str:
        """Return the words of a line without the signs around them."""
        return self._plain[index]

    def is_apart(self, index: int) -> bool:
        """Return whether a line begins the text or a paragraph, or follows a rule."""
        return index == 0 or self.lines[index].is_apart or self.is_rule(index - 1)

    def is_rule(self, index: int) -> bool:
        return _RULE.fullmatch(self.lines[index].text) is not None

    def is_begun(self, index: int) -> bool:
        """Return whether a line begins a paragraph, or the one before ends on purpose or ends a sentence."""
        if self.is_apart(index):
            return True
        return self.ends_on_purpose(index - 1) or _SENTENCE_END.search(self.words(index - 1)) is not None

    def ends_on_purpose(self, index: int) -> bool:
        """Return whether a line is the last of a paragraph, or the next word would have fitted into it."""
        if index + 1 >= self.count or self.lines[index + 1].is_apart:
            return True
        is_full = self.lines[index].is_full
        if is_full is not None:
            return not is_full
        after = self.lines[index + 1].text
        if _LOWER.match(after):
            return False
        room = self._columns[index] - width_in_columns(self.words(index))
        return room > width_in_columns(after.partition(" ")[0])


def width_in_columns(text: str) -> int:
    """Return the width of a line in columns: Han, Kana and Hangul take two each, but not in long lines."""
    if text.isascii() or len(text) > MAX_WRAPPED_COLUMNS:
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _is_title(text: str, *, may_end_sentence: bool = False, may_be_small: bool = False) -> bool:
    """Return whether words can be a title: few, no sentence, not in columns, beginning with a capital."""
    if width_in_columns(text) > _MAX_COLUMNS or _count_words(text) > _MAX_WORDS or not _LETTER.search(text):
        return False
    if _NO_TITLE.search(text) or not (may_be_small or _TITLE_START.match(text)):
        return False
    if _SENTENCE_END.search(text):
        return may_end_sentence and text.endswith(".") and _is_in_title_case(text)
    return not _COLON_END.search(text) or _count_words(text) <= _MAX_COLON_WORDS


def _count_words(text: str) -> int:
    """Return the number of words; in scripts without spaces two characters count as one."""
    return len(text.split()) + len(_UNSPACED.findall(text)) // 2


def _is_in_title_case(text: str) -> bool:
    """Return whether all longer words have a capital: "Source Code." is a title, "Open the lid." is not."""
    if ". " in text:
        return False
    return all(word[0].isupper() or not word[0].islower() for word in _LONG_WORD.findall(text))


# Underlined


def _underlined(text: _Text) -> Iterator[_Candidate]:
    """Yield titles with a rule below them, and those between signs: *** Rent ***."""
    for index in range(text.count - 1):
        if (
            text.is_apart(index)
            and (match := _BETWEEN_SIGNS.fullmatch(text.words(index)))
            and _is_title(match["title"])
        ):
            yield _Candidate(index, index, index + 1, _Style("rule", match["sign"][0]))
            continue
        words = text.plain(index)
        rule = _RULE.fullmatch(text.words(index + 1))
        if rule is None or text.lines[index + 1].is_apart or not text.is_apart(index) or text.is_rule(index):
            continue
        share = len(rule[0]) / max(width_in_columns(words), 1)
        is_boxed = index > 0 and text.words(index - 1) == rule[0]
        if (is_boxed or _MIN_RULE_SHARE <= share <= _MAX_RULE_SHARE) and _is_title(words):
            yield _Candidate(index, index, index + 2, _Style("rule", rule[1]))


def _undecorated(text: str) -> str:
    """Return a line without the signs around it: // Article 1, *** Rent ***."""
    return _DECORATION_END.sub("", _DECORATION.sub("", text))


# A word and a number


@cache
def _word_patterns() -> tuple[regex.Pattern[str], ...]:
    """Return the patterns of words before, after and around numbers."""
    with files(__package__).joinpath("heading_words.toml").open("rb") as file:
        tables: dict[str, dict[str, Any]] = tomllib.load(file)
    before, after = (
        "|".join(regex.escape(word) for word in sorted({w for t in tables.values() for w in t.get(key, ())}))
        for key in ("before", "after")
    )
    around = "|".join(
        rf"(?P<word>{start})\s?(?P<number>{_HAN}|\d{{1,4}})\s?(?P<unit>{end})"
        for table in tables.values()
        for start, end in table.get("around", ())
    )
    flags = regex.IGNORECASE
    return (
        regex.compile(rf"(?P<word>(?i:{before}))\s*{_WORD_NUMBER}{_AFTER_WORD}"),
        regex.compile(rf"{_WORD_NUMBER}\.?\s*(?P<word>(?i:{after}))(?=$|\s*[:–—-]){_AFTER_WORD}"),
        regex.compile(rf"(?:{around}){_AFTER_WORD}", flags),
    )


def _with_words(text: _Text) -> list[_Candidate]:
    """Return the lines such as "Article 5", "Section 5: Pets" and "第三条 租金" that have text below them."""
    by_style: dict[_Style, list[_Item]] = {}
    for index in range(text.count):
        words = text.plain(index)
        match = next((m for pattern in _word_patterns() if (m := pattern.fullmatch(words))), None)
        if match is None or not text.is_begun(index):
            continue
        title = match["title"]
        is_title = text.ends_on_purpose(index) and (
            not title
            or _is_title(
                title,
                may_end_sentence=text.is_apart(index),
                may_be_small=_TITLE_SEPARATOR.search(match["stop"]) is not None,
            )
        )
        number = _parse_number(match["number"])
        unit = match.groupdict().get("unit") or ""
        style = _Style("word", f"{match['word']}{unit}".casefold(), len(number) or 1)
        run_in = None if is_title else _run_in(text, index, title)
        by_style.setdefault(style, []).append(_Item(index, style, number, is_title, run_in))
    headings: list[_Candidate] = []
    for items in by_style.values():
        titles = [item for item in items if item.is_title]
        if len(titles) >= _MIN_WORD_TITLES_SHARE * len(items):
            sequential = {
                item.at
                for before, after in pairwise(items)
                if _follows(before.number, after.number)
                for item in (before, after)
            }
            for item in titles:
                if text.is_apart(item.at) or item.at in sequential:
                    last = _last_line(text, item.at)
                    headings.append(_Candidate(item.at, last, last + 1, item.style, item.number))
        headings += (item.heading() for item in _run_ins(items, len(titles)) if text.is_apart(item.at))
    return headings


def _last_line(text: _Text, index: int) -> int:
    """Return the last line of a heading: the next one if its own is only a word and a number."""
    after = index + 1
    words = text.plain(index)
    if any((match := pattern.fullmatch(words)) and match["title"] for pattern in _word_patterns()):
        return index
    if after + 1 >= text.count or text.lines[after].is_apart or not _is_title(text.words(after)):
        return index
    is_short = width_in_columns(text.words(after)) <= _MAX_PLAIN_COLUMNS
    return (
        after if is_short and text.ends_on_purpose(after) and not _NUMBER.match(text.words(after)) else index
    )


_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_HAN_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")} | {"零": 0}
_HAN_DIGITS |= dict(zip(list("壹贰貳叁參肆伍陆陸柒捌玖"), (1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9), strict=True))
_HAN_UNITS = {"十": 10, "拾": 10, "百": 100}


def _parse_number(text: str) -> tuple[int, ...]:
    """Return the parts of a number: (1, 2) for 1.2, (4,) for IV, D or 四."""
    if text[:1].isdecimal():
        return tuple(int(part) for part in _DIGITS.findall(text))
    if text[:1] in _HAN_DIGITS or text[:1] in _HAN_UNITS:
        return (_parse_han(text),)
    if _ROMAN_NUMBER.fullmatch(text):
        values = [_ROMAN_VALUES[char] for char in text]
        return (sum(-v if v < after else v for v, after in pairwise([*values, 0])),)
    return (ord(text) - ord("A") + 1,) if len(text) == 1 else ()


def _parse_han(text: str) -> int:
    total, digit = 0, 0
    for char in text:
        if char in _HAN_UNITS:
            total += max(digit, 1) * _HAN_UNITS[char]
            digit = 0
        else:
            digit = 10 * digit + _HAN_DIGITS[char]
    return total + digit


# A number


def _numbered(text: _Text) -> Iterator[_Candidate]:
    """Yield the titles among numbers that follow each other, if most of them are titles with text below."""
    by_style: dict[_Style, list[list[_Item]]] = {}
    for item in _items(text):
        runs = by_style.setdefault(item.style, [])
        if runs and _follows(runs[-1][-1].number, item.number):
            runs[-1].append(item)
        elif item.number[-1] <= 1:
            runs.append([item])
    for runs_of_style in by_style.values():
        for run in runs_of_style:
            titles = [
                item
                for item, after in zip(run, [*[other.at for other in run[1:]], text.count], strict=True)
                if item.is_title and after > item.at + 1
            ]
            is_misread = run[0].style == _MISREAD
            if is_misread and not any(_SIGN.match(text.words(item.at)) for item in run):
                continue
            min_run = _MIN_MISREAD_RUN if is_misread else _MIN_RUN_ITEMS
            run_ins = _run_ins(run, len(titles))
            if len(run) >= min_run and len(titles) + len(run_ins) >= _MIN_TITLES_SHARE * len(run):
                yield from (item.heading() for item in (*titles, *run_ins))


def _items(text: _Text) -> Iterator[_Item]:
    for index in range(text.count):
        if text.is_begun(index) and text.ends_on_purpose(index):
            yield from _misread_items(text, index)
        match = _NUMBER.fullmatch(text.plain(index))
        if match is None:
            continue
        title = match["title"]
        if match["decimal"] and not match["space"] and not _UNSPACED.match(title):
            continue
        is_apart = text.is_apart(index)
        is_title = (
            _is_title(title, may_end_sentence=is_apart and text.ends_on_purpose(index))
            and text.ends_on_purpose(index)
            and text.is_begun(index)
        )
        opening = "(" if match[0][0] in "(（" else ""
        for name in ("decimal", "roman", "letter", "han"):
            # I, V, X, L and C are Roman numbers or letters.
            letter = match["roman"] if name == "letter" and len(match["roman"] or "") == 1 else None
            written = match[name] or letter
            if written:
                number = (ord(written) - ord("A") + 1,) if name == "letter" else _parse_number(written)
                style = _Style("number", f"{name}{opening}{match['stop'][-1:]}", len(number))
                run_in = _run_in(text, index, title) if text.is_begun(index) and not is_title else None
                yield _Item(index, style, number, is_title, run_in)


def _misread_items(text: _Text, index: int) -> Iterator[_Item]:
    """Yield what a line may be if OCR took § for another sign or a digit, or did not see it.

    "52 Zweck" has the number 52 or 2; the numbers before and after it show which.
    """
    for pattern in _MISREAD_SIGN:
        match = pattern.fullmatch(text.words(index))
        if match and _is_title(match["title"]):
            yield _Item(index, _MISREAD, (int(match["number"]),), is_title=True)


def _run_in(text: _Text, index: int, words: str) -> _RunIn | None:
    """Return the title that the words after a number begin with, if text follows it on the line."""
    match = _RUN_IN.match(words)
    if match is None or len(words) - match.end() < _MIN_RUN_IN_TEXT_CHARS:
        return None
    title, sign = match["title"], match["sign"].strip()
    count = _count_words(title)
    if not _is_title(title) or count > _MAX_RUN_IN_WORDS or _ABBREVIATION.search(title):
        return None
    if sign != "." and _count_words(words[match.end() :]) < _MIN_RUN_IN_TEXT_WORDS:
        return None
    start = text.words(index).rfind(words)
    chars = start + match.end("sign") if start >= 0 else 0
    is_bold = 0 < start + len(title) <= text.lines[index].bold_chars
    is_likely = is_bold or count <= _MAX_SHORT_WORDS or _is_in_title_case(title)
    return _RunIn(len(text.words(index)[:chars].rstrip()), title, is_likely) if chars else None


def _run_ins(items: Sequence[_Item], titles: int) -> list[_Item]:
    """Return the items that begin with a title, if most of these look like one and few are the same."""
    run_ins = [item for item in items if item.run_in and not item.is_title]
    likely = sum(item.run_in is not None and item.run_in.is_likely for item in run_ins)
    distinct = {item.run_in.title for item in run_ins if item.run_in}
    is_list = titles + len(run_ins) < max(_MIN_TITLES_SHARE * len(items), _MIN_RUN_ITEMS)
    if (
        is_list
        or likely < _MIN_TITLES_SHARE * len(run_ins)
        or len(distinct) < _MIN_DISTINCT_SHARE * len(run_ins)
    ):
        return []
    return run_ins


def _bold_run_ins(text: _Text, taken: set[int]) -> list[_Candidate]:
    """Return the paragraphs that begin with a title in bold type and continue in another."""
    headings: dict[str, _Candidate] = {}
    count = 0
    for index in range(text.count):
        line = text.lines[index]
        bold, rest = line.text[: line.bold_chars].rstrip(), line.text[line.bold_chars :]
        sign = _RUN_IN_END.search(bold) or _RUN_IN_START.match(rest)
        if not bold or index in taken or not text.is_apart(index) or sign is None or _BULLET.match(bold):
            continue
        title = _RUN_IN_END.sub("", bold)
        if not _is_title(title) or len(rest.strip()) < _MIN_RUN_IN_TEXT_CHARS:
            continue
        # "Phone: 555 1234" is an entry of a form.
        if "." not in sign[0] and _count_words(rest) < _MIN_RUN_IN_TEXT_WORDS:
            continue
        count += 1
        headings.setdefault(
            title, _Candidate(index, index, index, _Style("bold", "run-in"), run_in_chars=len(bold))
        )
    if count < _MIN_UNNUMBERED or len(headings) < _MIN_DISTINCT_SHARE * count:
        return []
    return list(headings.values())


def _follows(before: tuple[int, ...], number: tuple[int, ...]) -> bool:
    """Return whether a number is the next one below the same heading: 1.3 after 1.2."""
    return before[:-1] == number[:-1] and bool(number) and number[-1] == before[-1] + 1


# Without a number


def _unnumbered(text: _Text, headings: Mapping[int, _Candidate]) -> Iterator[_Candidate]:
    """Yield lines in capitals, in bold type, that end in a colon, and short ones between paragraphs."""
    taken = {index for candidate in headings.values() for index in range(candidate.first, candidate.end)}
    may_be_tight = _are_tight(text, headings.values()) or (not headings and _are_all_tight(text))
    by_kind: dict[Kind, list[_Candidate]] = {}
    index = 0
    while index < text.count:
        kind = None if index in taken else _unnumbered_kind(text, index, taken)
        if kind is None and may_be_tight and index not in taken and _is_tight(text, index):
            kind = "tight"
        end = index + 1
        if kind:
            if kind == "capitals":
                while end < text.count and not text.lines[end].is_apart and _is_capitals(text.words(end)):
                    end += 1
            if end - index <= _MAX_ADJACENT_CAPITALS:
                by_kind.setdefault(kind, []).append(_Candidate(index, end - 1, end, _Style(kind)))
        index = end
    for kind, candidates in by_kind.items():
        distinct = {text.words(candidate.first) for candidate in candidates}
        # "tight" are siblings of numbered ones.
        is_many = len(candidates) >= _MIN_UNNUMBERED or (kind != "plain" and (headings or kind != "colon"))
        if is_many and len(distinct) >= _MIN_DISTINCT_SHARE * len(candidates):
            yield from candidates


def _are_tight(text: _Text, numbered: Collection[_Candidate]) -> bool:
    """Return whether there are numbered headings, each below a gap and right above its text."""
    return any(candidate.style.kind in _NUMBERED for candidate in numbered) and all(
        text.is_apart(candidate.first)
        and candidate.end < text.count
        and candidate.end > candidate.first
        and not text.lines[candidate.end].is_apart
        for candidate in numbered
        if candidate.style.kind in _NUMBERED
    )


def _are_all_tight(text: _Text) -> bool:
    """Return whether nearly all paragraphs are a short line above longer sentences."""
    starts = [
        index
        for index in range(text.count)
        if text.is_apart(index) and not text.is_rule(index) and _end_of_paragraph(text, index) > 1
    ]
    tight = [index for index in starts if _is_tight(text, index)]
    longer = [
        index
        for index in tight
        if max(
            width_in_columns(text.words(line)) for line in range(index + 1, _end_of_paragraph(text, index))
        )
        >= 2 * width_in_columns(text.words(index))
    ]
    return len(longer) >= _MIN_TIGHT_HEADINGS and len(longer) >= _MIN_TITLES_SHARE * len(starts)


def _is_tight(text: _Text, index: int) -> bool:
    """Return whether a short line without digits is below a gap and right above sentences."""
    words = text.plain(index)
    if not text.is_apart(index) or index + 1 >= text.count or text.lines[index + 1].is_apart:
        return False
    if _BULLET.match(words) or _NUMBER.match(words) or _COLON_END.search(words) or not _is_title(words):
        return False
    if width_in_columns(words) > _MAX_COLON_COLUMNS or any(char.isdigit() for char in words):
        return False
    return text.ends_on_purpose(index) and _ends_in_sentence(text, index + 1)


def _unnumbered_kind(text: _Text, index: int, taken: set[int]) -> Kind | None:
    words = text.plain(index)
    is_apart = text.is_apart(index) or index - 1 in taken
    if not is_apart or index + 1 >= text.count or _BULLET.match(words) or _NUMBER.match(words):
        return None
    has_gap = text.lines[index + 1].is_apart
    if _COLON_END.search(words):
        is_short = _count_words(words) <= _MAX_COLON_WORDS and width_in_columns(words) <= _MAX_COLON_COLUMNS
        return "colon" if is_short and not has_gap and _is_title(_COLON_END.sub("", words)) else None
    if not _is_title(words):
        return None
    if _is_capitals(words):
        return "capitals"
    if text.lines[index].is_bold and not text.lines[index + 1].is_bold:
        return "bold"
    return "plain" if has_gap and _is_between_paragraphs(text, index, taken) else None


def _is_capitals(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return (
        len(letters) >= _MIN_CAPITALS
        and all(char.isupper() for char in letters)
        and 2 * len(letters) >= len(text.replace(" ", ""))
    )


def _is_between_paragraphs(text: _Text, index: int, taken: set[int]) -> bool:
    """Return whether a line without digits is between a finished paragraph and one of sentences."""
    words = text.words(index)
    if width_in_columns(words) > _MAX_PLAIN_COLUMNS or any(char.isdigit() for char in words):
        return False
    before = text.words(index - 1) if index else ""
    if before and index - 1 not in taken and not (_SENTENCE_END.search(before) or _is_capitals(before)):
        return False
    end = _end_of_paragraph(text, index + 1)
    is_long = end > index + 2 or width_in_columns(text.words(end - 1)) > _MAX_PLAIN_COLUMNS
    return is_long and _ends_in_sentence(text, index + 1)


def _end_of_paragraph(text: _Text, index: int) -> int:
    end = index + 1
    while end < text.count and not text.lines[end].is_apart:
        end += 1
    return end


def _ends_in_sentence(text: _Text, index: int) -> bool:
    """Return whether the paragraph that a line is in ends a sentence."""
    last = text.words(_end_of_paragraph(text, index) - 1)
    return _SENTENCE_END.search(last) is not None and not last.endswith((",", ";"))


# Levels


def _without_overlaps(headings: Mapping[int, _Candidate]) -> dict[int, _Candidate]:
    kept: dict[int, _Candidate] = {}
    end = 0
    for first in sorted(headings):
        if first >= end:
            kept[first] = headings[first]
            end = headings[first].end
    return kept


def _with_levels(text: _Text, candidates: Sequence[_Candidate]) -> list[HeadingLines]:
    """Return headings with their levels, without those that have no text below them.

    So are the entries of a table of contents; the last one is recognised by the same words further down.
    """
    while True:
        levels = _levels(candidates)
        kept: list[_Candidate] = []
        last_places = {text.words(candidate.first): candidate.first for candidate in candidates}
        for index, candidate in enumerate(candidates):
            is_entry = (
                index > 0
                and candidates[index - 1].end == candidate.first
                and (not kept or kept[-1] is not candidates[index - 1])
                and last_places[text.words(candidate.first)] > candidate.first
            )
            if not is_entry and _has_text(text, candidates, levels, index):
                kept.append(candidate)
        if len(kept) == len(candidates):
            break
        candidates = kept
    return [
        HeadingLines(
            candidate.first,
            candidate.last,
            candidate.end,
            level,
            _heading_text(text, candidate),
            candidate.style.kind in _NUMBERED,
            candidate.run_in_chars,
        )
        for candidate, level in zip(candidates, levels, strict=True)
    ]


def _heading_text(text: _Text, candidate: _Candidate) -> str:
    if candidate.run_in_chars:
        words = _undecorated(text.words(candidate.first)[: candidate.run_in_chars])
        return " ".join(_RUN_IN_END.sub("", words).split())
    words = " ".join(text.plain(index) for index in range(candidate.first, candidate.last + 1))
    return _COLON_END.sub("", " ".join(words.split()))


def _levels(candidates: Sequence[_Candidate]) -> list[int]:
    """Return the level of each heading: that of the first heading that looks like it.

    A heading on the first line that looks like no other is the title, above all others. Else a new kind of
    heading is below the one before it. It is its sibling if it has a number, the one before has none, and
    text is between them, as after a preamble; it is at the top if it is prominent and comes after numbered
    ones; and it is above a known kind that follows it without text between them.
    """
    by_style: dict[_Style, int] = {}
    top = 2 if _begins_with_title(candidates) else 1
    for index, candidate in enumerate(candidates):
        style = candidate.style
        if style in by_style:
            continue
        level = min(top, index + 1)
        part_of = _Style(style.kind, style.name, style.depth - 1)
        after = candidates[index + 1] if index + 1 < len(candidates) else None
        if part_of in by_style:
            level = by_style[part_of] + 1
        elif index:
            before = candidates[index - 1]
            is_numbered, was_numbered = style.kind in _NUMBERED, before.style.kind in _NUMBERED
            if (was_numbered and style.kind in _PROMINENT) or index + 1 == top:
                level = top
            elif (
                was_numbered
                and style.kind in {"plain", "tight"}
                and not _is_numbered_after(candidates, index)
            ):
                level = by_style[before.style]
            elif after and after.first == candidate.end and by_style.get(after.style, 0) >= top:
                level = by_style[after.style]
                by_style |= {s: below + 1 for s, below in by_style.items() if below >= level}
            elif candidate.first > before.end and is_numbered and not was_numbered:
                level = by_style[before.style]
            else:
                level = by_style[before.style] + 1
        by_style[style] = level
    return [min(by_style[candidate.style], _MAX_LEVELS) for candidate in candidates]


def _is_numbered_after(candidates: Sequence[_Candidate], index: int) -> bool:
    return any(candidate.style.kind in _NUMBERED for candidate in candidates[index + 1 :])


def _begins_with_title(candidates: Sequence[_Candidate]) -> bool:
    """Return whether the first heading is on the first line, without a number, and looks like no other."""
    return (
        bool(candidates)
        and candidates[0].first == 0
        and candidates[0].style.kind not in _NUMBERED
        and all(other.style != candidates[0].style for other in candidates[1:])
    )


def _has_text(text: _Text, candidates: Sequence[_Candidate], levels: Sequence[int], index: int) -> bool:
    """Return whether text is below a heading, before the next one of its level or a higher one."""
    for number in range(index, len(candidates)):
        if number > index and levels[number] <= levels[index]:
            return False
        end = candidates[number + 1].first if number + 1 < len(candidates) else text.count
        if any(not text.is_rule(line) for line in range(candidates[number].end, end)):
            return True
    return False
