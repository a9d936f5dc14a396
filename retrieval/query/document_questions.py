"""Questions about the documents themselves: "what is this about", "which documents do you have".

The phrases are in document_questions.toml, which a speaker of a language can edit. Only a whole question
counts: "what is this about the drones?" is a question to the documents.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from retrieval.phrase_folding import fold_phrase, fold_with_offsets
from retrieval.query.question_phrases import document_words

# Longer messages are not such questions.
_MAX_QUESTION_CHARS = 160
# Words before and after a phrase, such as "hello" and "please".
_MAX_POLITE_WORDS = 4
_PART = re.compile(r"\{(?P<slot>[a-z]+)\}|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)")
_SLOT = re.compile(r"\{([a-z]+)\}")
_UNSPACED = r"\u2e80-\u9fff\u3040-\u30ff"
# What the caller fills in: whole words, or any characters of a script without spaces.
_FREE_SLOT = (
    rf"(?:^|(?<=[\s{_UNSPACED}])|(?=[{_UNSPACED}]))(?P<{{}}>\S(?:.*\S)?)"
    rf"(?:$|(?=[\s{_UNSPACED}])|(?<=[{_UNSPACED}]))"
)
_FREE_SLOTS = frozenset({"name", "words"})


class Topic(StrEnum):
    """What a question about the documents asks for."""

    OVERVIEW = "overview"
    SOURCES = "sources"
    HELP = "help"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A question about the documents.

    `subject` is the words to list the places of, or the name of the document for an overview, as written.
    The name may be empty, or words like "the article". If no document has another name, the question is an
    ordinary one.
    """

    topic: Topic
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase of the table `language`. A text without one of the options of each `required` cannot match."""

    topic: Topic
    language: str
    text: str
    required: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=256)
def parse_document_question(text: str) -> DocumentQuestion | None:
    """Return what a question asks about the documents themselves, or None for any other question."""
    if len(text) > _MAX_QUESTION_CHARS:
        return None
    folded, offsets = fold_with_offsets(text)
    compact = folded.replace(" ", "")
    cores: dict[str, list[tuple[int, int]]] = {}
    readings: list[tuple[int, Topic, tuple[int, int]]] = []
    for phrase in _load_phrases():
        if not all(any(option in compact for option in options) for options in phrase.required):
            continue
        if phrase.language not in cores:
            cores[phrase.language] = list(_without_polite_words(folded, phrase.language))
        for start, end in cores[phrase.language]:
            if match := _compile(phrase).fullmatch(folded, start, end):
                slot = match.lastgroup
                size = match.end(slot) - match.start(slot) if slot else 0
                readings.append((size, phrase.topic, match.span(slot or 0)))
    # Of several readings with a subject, the shortest subject says most about the rest.
    readings.sort()
    if not readings:
        return None
    length, topic, _ = readings[0]
    subjects = (
        text[offsets[start] : offsets[end - 1] + 1]
        for size, other, (start, end) in readings
        if size and other is topic
    )
    if length:
        return DocumentQuestion(topic, next(subjects))
    # "The handbook" may be any document, or the name of one.
    return DocumentQuestion(topic, next(filter(is_any_document, subjects), ""))


def is_any_document(name: str) -> bool:
    """Return whether a name is only "this", "the article" and the like, in any language."""
    folded = fold_phrase(name)
    return any(_compile_reference(language).fullmatch(folded) for language in _load_tables())


def is_document_word(word: str) -> bool:
    """Return whether a word means documents in general, in any language."""
    return fold_phrase(word) in _document_words()


@cache
def _document_words() -> frozenset[str]:
    return frozenset(
        fold_phrase(word)
        for language, table in _load_tables().items()
        for word in (*document_words(language), *table["documents"])
    )


@cache
def _load_tables() -> Mapping[str, Mapping[str, Sequence[str]]]:
    source = files(__package__).joinpath("document_questions.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def _load_phrases() -> tuple[_Phrase, ...]:
    return tuple(
        _Phrase(topic, language, phrase, tuple(_required_options(phrase)))
        for language, table in _load_tables().items()
        for topic in Topic
        for phrase in table[topic]
    )


def _required_options(phrase: str) -> Iterator[tuple[str, ...]]:
    """Yield, for each part of a phrase that has to be there, its options folded and without blanks."""
    for match in _PART.finditer(phrase):
        options = (match["either"] or match["words"] or "").split("|")
        if not any(_SLOT.search(option) for option in options):
            compact = tuple(fold_phrase(option).replace(" ", "") for option in options)
            if all(compact):
                yield compact


def _without_polite_words(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a folded text without none, some or all of the words before and after a phrase."""
    before, after = _compile_polite(language)
    starts, ends = [0], [len(text)]
    while len(starts) <= _MAX_POLITE_WORDS and (match := before.match(text, starts[-1])):
        starts.append(match.end())
    while len(ends) <= _MAX_POLITE_WORDS and (match := after.search(text, 0, ends[-1])):
        ends.append(match.start())
    for start in starts:
        yield from ((start, end) for end in ends if start < end)


# Few phrases are ever compiled: those whose required words a text has.
@lru_cache(maxsize=512)
def _compile(phrase: _Phrase) -> "re.Pattern[str]":
    return re.compile(_pattern(phrase.text, phrase.language))


@cache
def _compile_reference(language: str) -> "re.Pattern[str]":
    return re.compile(_slot_pattern("this", language))


@cache
def _compile_polite(language: str) -> tuple["re.Pattern[str]", "re.Pattern[str]"]:
    """Return the patterns of the words at the beginning and at the end of a text."""
    table = _load_tables()[language]
    before, after = (
        "|".join(_pattern(phrase, language) for phrase in table[key]) for key in ("before", "after")
    )
    edge = rf"(?:(?!\w)|(?<=[{_UNSPACED}]))"
    first = rf"(?:(?<!\w)|(?<=[{_UNSPACED}])|(?=[{_UNSPACED}]))"
    return re.compile(rf"(?:{before}){edge}\s*"), re.compile(rf"\s*{first}(?:{after})$")


def _pattern(phrase: str, language: str) -> str:
    """Return the pattern of a phrase in the syntax of the file."""
    pattern = ""
    for match in _PART.finditer(phrase):
        if match["slot"]:
            pattern += _slot_pattern(match["slot"], language)
        elif match["words"] is not None:
            pattern += _words_pattern(match["words"], language)
        else:
            is_optional = match["optional"] is not None
            options = (match["optional"] if is_optional else match["either"]).split("|")
            joined = "|".join(_words_pattern(option, language) for option in options)
            pattern += f"(?:{joined}){'?' if is_optional else ''}"
    return pattern


def _slot_pattern(slot: str, language: str) -> str:
    if slot in _FREE_SLOTS:
        return _FREE_SLOT.format(slot)
    table = _load_tables()[language]
    if slot == "document":
        words = {fold_phrase(word) for word in (*document_words(language), *table["documents"])}
        return f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"
    return f"(?:{'|'.join(_pattern(phrase, language) for phrase in table[slot])})"


def _words_pattern(words: str, language: str) -> str:
    """Return the pattern of words that may have slots among them.

    A blank also matches no space: "whats" is "what's", and a missing optional part leaves its blanks.
    """
    parts = _SLOT.split(words)
    return "".join(
        _slot_pattern(part, language)
        if at % 2
        else r"\s*".join(re.escape(fold_phrase(word)).replace(r"\ ", r"\s*") for word in part.split(" "))
        for at, part in enumerate(parts)
    )
