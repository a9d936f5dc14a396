"""Splits text into sentences, and long sentences into clauses, as spans.

The library sentencex finds the ends of sentences. The abbreviations and ordinals that it does not know are in
abbreviations.toml, which a speaker of a language can edit.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import regex
import sentencex

from retrieval.errors import panics_as_errors
from retrieval.model import Span

# Characters that extend the grapheme before them, even after a space: marks, joiners, skin tones.
_MARK = r"[\p{M}\p{Grapheme_Cluster_Break=Extend}\u200d]"
_CONTINUES_GRAPHEME = regex.compile(_MARK)
# Clause ends, at which a long sentence is split. In scripts without spaces between words and stops after
# sentences, such as Thai, a space ends a phrase.
_UNSPACED_SCRIPTS = r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_CLAUSE_END = regex.compile(
    rf"(?:[,;:،؛、，；：·|)\]—–](?=\s|[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])\s*+|\n++"
    rf"|(?<={_UNSPACED_SCRIPTS})\s++(?={_UNSPACED_SCRIPTS}))(?!{_MARK})"
)
_SPACE = regex.compile(rf"\s++(?!{_MARK})")
_GRAPHEME = regex.compile(r"\X")
# A text that ends so leads in to what follows it.
LEAD_IN_ENDINGS = (":", "：", "﹕")
# The number of a list item looks like the end of a sentence, but belongs to the text after it.
_NUMBER = r"\(?(?:\p{N}{1,3}(?:\.\p{N}{1,3}){0,3}|\p{L}|[ivx]{1,5}|[IVX]{1,5})[.)]"
_ITEM_NUMBER = regex.compile(rf"{_NUMBER}(?:\s+{_NUMBER}){{0,3}}")
# A list in running text: "Steps: 1. Open it. 2. Close it."
_FIRST_ITEM_ENDING = regex.compile(r"[:：]\s+\(?1[.)]\s*$")
_ORDINAL = regex.compile(r"(?:\p{N}{1,3}\.?[-–/])?\p{N}{1,3}")
# The French and Italian articles: "l'art. 5".
_ARTICLE = regex.compile(r"^\p{L}{1,4}['’]")
_INITIAL = regex.compile(r"\p{L}\.")
_NEXT_NUMBER = regex.compile(r"\(?\p{N}+[.)]\s+")
_NEXT_WORD = regex.compile(r"[\p{L}\p{M}]+")
# What follows a full stop inside a word: "Dec.-Lei", "./install.sh", "9.0.7.AppImage".
_IN_A_WORD = regex.compile(r"[-,;/\p{Latin}]")
_OPENING_MARKS = "([{\"'„“”«‚‘"
# Abbreviations and ordinals are looked for in this much text before the end of a sentence.
_MAX_LOOK_BEHIND = 48
# sentencex counts these as one byte after an abbreviation, and panics inside the character.
_NON_ASCII_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_SENTENCE_END = regex.compile(r"(?:[.!?…؟।]++[\p{Pe}\p{Pf}\"']*+(?=\s)|[。！？]++[\p{Pe}\p{Pf}]*+)\s*+")
# Shorter clauses are joined to the next one, so that each piece of a long sentence says something.
_MIN_CLAUSE_CHARS = 40


def pieces(text: str, language: str, max_chars: int) -> list[Span]:
    """Return the pieces that quotes consist of: sentences, or clauses of those over `max_chars` characters.

    Pieces are in order and cover all text but white space; a text that is not blank has at least one. Each is
    stripped, at most `max_chars` characters, and splits no grapheme that fits.
    """
    spans: list[Span] = []
    number: Span | None = None
    for start, end in _sentences(text, language):
        sentence = _trim(text, start, end)
        if number is not None:
            sentence = Span(number.start, sentence.end) if len(sentence) else number
        number = None
        if len(sentence) <= max_chars and _ITEM_NUMBER.fullmatch(sentence.of(text)):
            number = sentence
            continue
        if len(sentence) > max_chars:
            spans += _split_clauses(text, sentence, max_chars)
        elif len(sentence):
            spans.append(sentence)
    return spans if number is None else [*spans, number]


def _sentences(text: str, language: str) -> list[tuple[int, int]]:
    """Return sentence bounds, without those inside a grapheme or after an abbreviation."""
    ends = _join_abbreviations(text, _sentence_ends(text, language), _load_abbreviations(language))
    cuts = [
        end
        for end in ends
        if end < len(text) and (text[end].isascii() or not _CONTINUES_GRAPHEME.match(text, end))
    ]
    return list(pairwise([0, *cuts, len(text)]))


@dataclass(frozen=True, slots=True)
class _Abbreviations:
    """The words of abbreviations.toml for a language and those for all."""

    inside: frozenset[str]
    may_end: frozenset[str]
    before: frozenset[str]
    counted: frozenset[str]
    beginnings: frozenset[str]


@cache
def _load_abbreviations(language: str) -> _Abbreviations:
    tables = tomllib.loads(files(__package__).joinpath("abbreviations.toml").read_text(encoding="utf-8"))
    of_language, shared = tables.get(language, {}), tables["any"]
    return _Abbreviations(
        *(
            frozenset(f"{shared.get(group, '')} {of_language.get(group, '')}".split())
            for group in ("inside", "may_end", "before", "counted", "beginnings")
        )
    )


def _join_abbreviations(text: str, ends: Sequence[int], listed: _Abbreviations) -> Iterator[int]:
    """Yield the ends of sentences without those after abbreviations, ordinals and the "1." of a list."""
    for end in ends:
        if end == len(text) or not _continues(text, end, listed):
            yield end
            continue
        # sentencex takes a number after the end of a sentence for that of a list: "Tab. 2. Then ..."
        number = _NEXT_NUMBER.match(text, end)
        is_end = number and text[number.end() : number.end() + 1].isupper()
        if number and is_end and not _continues(text, number.end(), listed):
            yield number.end()


def _continues(text: str, end: int, listed: _Abbreviations) -> bool:
    """Return whether a sentence continues after what looks like its end."""
    before = text[max(end - _MAX_LOOK_BEHIND, 0) : end]
    words, gap = before.split(), before[len(before.rstrip()) :]
    if not words or "\n\n" in gap:
        return False
    if _FIRST_ITEM_ENDING.search(before) or text[end] in "ºª":
        return True
    word = words[-1].lstrip(_OPENING_MARKS)
    if not gap and word.endswith(".") and _IN_A_WORD.match(text, end):
        return True
    if not word.endswith("."):
        return False
    word = word.removesuffix(".")
    if _ORDINAL.fullmatch(word):
        return _is_ordinal(words, text, end, listed)
    begins_item = "\n" in gap and _NEXT_NUMBER.match(text, end) is not None
    return _is_abbreviation(words, word, listed, may_end=begins_item or text[end].isupper())


def _is_abbreviation(words: Sequence[str], word: str, listed: _Abbreviations, *, may_end: bool) -> bool:
    """Return whether `word`, the last of `words`, is an abbreviation that does not end a sentence here."""
    word = _ARTICLE.sub("", word)
    if len(word) == 1 and len(words) > 1 and _INITIAL.fullmatch(words[-2]):
        word = words[-2] + word  # "z. B."
    folded = word.lower()
    if folded in listed.inside:
        # "CA." is no "ca."
        return len(word) == 1 or not word.isupper()
    return not may_end and folded in listed.may_end


def _is_ordinal(words: Sequence[str], text: str, end: int, listed: _Abbreviations) -> bool:
    """Return whether the number that ends `words` is an ordinal, by the words before and after it."""
    following = _NEXT_WORD.match(text, end)
    if following is None or not listed.counted:
        return False
    word = following[0].lower()
    if word in listed.counted or following[0].islower():
        return True
    previous = words[-2].lower() if len(words) > 1 else ""
    return previous in listed.before and bool(listed.beginnings) and word not in listed.beginnings


def _sentence_ends(text: str, language: str) -> list[int]:
    """Return where sentencex ends sentences, or a plain rule if it fails on this text."""
    spaced = text
    if not text.isascii():
        for space in _NON_ASCII_SPACES:  # several times faster than a regular expression
            spaced = spaced.replace(space, " ")
    try:
        with panics_as_errors():
            return [boundary["end_index"] for boundary in sentencex.get_sentence_boundaries(language, spaced)]
    except Exception:  # noqa: BLE001  # whatever stops the library, the text is split
        return [match.end() for match in _SENTENCE_END.finditer(text)]


def _trim(text: str, start: int, end: int) -> Span:
    part = text[start:end].rstrip()
    end = start + len(part)
    return Span(end - len(part.lstrip()) if part[:1].isspace() else start, end)


def _split_clauses(text: str, sentence: Span, max_chars: int) -> list[Span]:
    cuts = [match.end() for match in _CLAUSE_END.finditer(text, sentence.start, sentence.end)]
    spans: list[Span] = []
    start = sentence.start
    for cut in [*cuts, sentence.end]:
        if cut < sentence.end and cut - start < _MIN_CLAUSE_CHARS:
            continue
        spans += _split_words(text, Span(start, cut), max_chars)
        start = cut
    return [span for span in (_trim(text, s.start, s.end) for s in spans) if len(span)]


def _split_words(text: str, span: Span, max_chars: int) -> list[Span]:
    """Split a clause that is still too long at spaces, and a word that is too long between graphemes."""
    spans: list[Span] = []
    start = span.start
    while span.end - start > max_chars:
        spaces = [m.end() for m in _SPACE.finditer(text, start + 1, start + max_chars)]
        cut = spaces[-1] if spaces else _last_grapheme_end(text, start, max_chars)
        spans.append(Span(start, cut))
        start = cut
    return [*spans, Span(start, span.end)]


def _last_grapheme_end(text: str, start: int, max_chars: int) -> int:
    """Return the last grapheme end within `max_chars` characters of `start`."""
    end = start
    for match in _GRAPHEME.finditer(text, start, start + max_chars + 64):
        if match.end() - start > max_chars:
            break
        end = match.end()
    return end if end > start else start + max_chars
