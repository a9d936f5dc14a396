"""Messages that are not answered from the text of documents: small talk, and questions about the documents.

"Which documents do you have" asks about the documents: document_questions.toml lists such questions, and
small_talk.toml greetings and thanks. A speaker of a language can edit both.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache, lru_cache
from importlib.resources import files

import regex

from retrieval.query.query import UNSPACED, document_words, load_tables

_UNSPACED_GAP = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_BLANKS = re.compile(" +")
# Letters that people write for one another, in addition to those with accents.
_ALIKE = str.maketrans({"ı": "i", "ى": "ي", "ة": "ه", "ٱ": "ا", "ـ": ""})


def fold_phrase(text: str) -> str:
    """Return the form that all spellings of a phrase share: in lower case, without accents and punctuation.

    Words are separated by one blank; characters of scripts without spaces are not. No language is needed;
    the tokenizer folds words by the rules of their language.
    """
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_ALIKE)
    words = _BLANKS.sub(" ", "".join(map(_fold_character, letters))).strip(" ")
    return _UNSPACED_GAP.sub("", words)


@lru_cache(maxsize=4_096)
def _fold_character(character: str) -> str:
    """Return a letter or number as it is, a blank for what separates words, and nothing for accents."""
    kind = unicodedata.category(character)
    if kind[0] in "MC" and character not in "\t\r\n":
        return ""
    return character if kind[0] in "LN" else " "


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return what `fold_phrase` does, and for each character the offset of the one it comes from."""
    folded: list[str] = []
    offsets: list[int] = []
    for index, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character.casefold()).translate(_ALIKE):
            letter = _fold_character(part)
            if letter and (letter != " " or (folded and folded[-1] != " ")):
                folded.append(letter)
                offsets.append(index)
    while folded and folded[-1] == " ":
        folded.pop()
        offsets.pop()
    joined = "".join(folded)
    gaps = {match.start() for match in _UNSPACED_GAP.finditer(joined)}
    kept = [index for index in range(len(joined)) if index not in gaps]
    return "".join(joined[index] for index in kept), [offsets[index] for index in kept]


# Longer messages are not such questions.
_MAX_DOCUMENT_QUESTION_CHARS = 160
# Words before and after a phrase, such as "hello" and "please".
_MAX_POLITE_WORDS = 4
_PART = re.compile(r"\{(?P<slot>[a-z]+)\}|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)")
_SLOT = re.compile(r"\{([a-z]+)\}")
# Slots that the caller fills in: whole words, or any characters of a script without spaces.
_FREE_SLOT = (
    rf"(?:^|(?<=[\s{UNSPACED}])|(?=[{UNSPACED}]))(?P<{{}}>\S(?:.*\S)?)"
    rf"(?:$|(?=[\s{UNSPACED}])|(?<=[{UNSPACED}]))"
)
_FREE_SLOTS = frozenset({"name", "words"})


class DocumentQuestionKind(StrEnum):
    """The subject of a question about the documents themselves."""

    OVERVIEW = "overview"
    CONTENTS = "contents"
    SOURCES = "sources"
    HELP = "help"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A question about the documents.

    `subject` is the words to list the places of, or the name of the document for an overview, as written.
    The name may be empty, or words like "the article". If no document has another name, the question is an
    ordinary one. For CONTENTS it must be a whole title or file name: "what is in the box" hardly ever asks
    about a document.
    """

    kind: DocumentQuestionKind
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _DocumentPhrase:
    """A phrase of the table `language`. A text without one of the options of each `required` cannot match."""

    kind: DocumentQuestionKind
    language: str
    text: str
    required: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=256)
def parse_document_question(text: str) -> DocumentQuestion | None:
    """Return what a question asks about the documents themselves, or None for any other question.

    Only a whole question counts: "what is this about the drones?" is a question to the documents.
    """
    if len(text) > _MAX_DOCUMENT_QUESTION_CHARS:
        return None
    folded, offsets = fold_with_offsets(text)
    compact = folded.replace(" ", "")
    cores: dict[str, list[tuple[int, int]]] = {}
    readings: list[tuple[int, DocumentQuestionKind, tuple[int, int]]] = []
    for phrase in _load_phrases():
        if not all(any(option in compact for option in options) for options in phrase.required):
            continue
        if phrase.language not in cores:
            cores[phrase.language] = list(_without_polite_words(folded, phrase.language))
        for start, end in cores[phrase.language]:
            if match := _compile(phrase).fullmatch(folded, start, end):
                slot = match.lastgroup
                size = match.end(slot) - match.start(slot) if slot else 0
                readings.append((size, phrase.kind, match.span(slot or 0)))
    # Of several readings with a subject, the shortest subject says most about the rest.
    readings.sort()
    if not readings:
        return None
    length, kind, _ = readings[0]
    subjects = (
        text[offsets[start] : offsets[end - 1] + 1]
        for size, other, (start, end) in readings
        if size and (other is kind or other is DocumentQuestionKind.CONTENTS)
    )
    if length:
        return DocumentQuestion(kind, next(subjects))
    # "The handbook" may be any document, or the name of one.
    return DocumentQuestion(kind, next(filter(is_any_document, subjects), ""))


def is_any_document(name: str) -> bool:
    """Return whether a name is only "this", "the article" and the like, in any language."""
    folded = fold_phrase(name)
    return any(
        _compile_reference(language).fullmatch(folded) for language in load_tables("document_questions")
    )


def is_document_word(word: str) -> bool:
    """Return whether a word means documents in general, in any language."""
    return fold_phrase(word) in _document_words()


@cache
def _document_words() -> frozenset[str]:
    return frozenset(
        fold_phrase(word)
        for language, table in load_tables("document_questions").items()
        for word in (*document_words(language), *table["documents"])
    )


@cache
def _load_phrases() -> tuple[_DocumentPhrase, ...]:
    return tuple(
        _DocumentPhrase(kind, language, phrase, tuple(_required_options(phrase)))
        for language, table in load_tables("document_questions").items()
        for kind in DocumentQuestionKind
        for phrase in table[kind]
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
def _compile(phrase: _DocumentPhrase) -> "re.Pattern[str]":
    return re.compile(_pattern(phrase.text, phrase.language))


@cache
def _compile_reference(language: str) -> "re.Pattern[str]":
    return re.compile(_slot_pattern("this", language))


@cache
def _compile_polite(language: str) -> tuple["re.Pattern[str]", "re.Pattern[str]"]:
    """Return the patterns of the words at the beginning and at the end of a text."""
    table = load_tables("document_questions")[language]
    before, after = (
        "|".join(_pattern(phrase, language) for phrase in table[key]) for key in ("before", "after")
    )
    edge = rf"(?:(?!\w)|(?<=[{UNSPACED}]))"
    first = rf"(?:(?<!\w)|(?<=[{UNSPACED}])|(?=[{UNSPACED}]))"
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
    table = load_tables("document_questions")[language]
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
        if index % 2
        else r"\s*".join(re.escape(fold_phrase(word)).replace(r"\ ", r"\s*") for word in part.split(" "))
        for index, part in enumerate(parts)
    )


# Longer messages are more than names.
MAX_NAMES_CHARS = 1000


def may_name_files(text: str) -> bool:
    """Return whether a text can be file names alone. Making a NameTable for any other is pointless."""
    return "." in text and len(text) <= MAX_NAMES_CHARS


# Longer messages say more than that.
_MAX_SMALL_TALK_CHARS = 120


class SmallTalk(Enum):
    """The kind of a message without a question; the first of several counts."""

    THANKS = "thanks"
    GOODBYE = "goodbye"
    GREETING = "greeting"


def parse_small_talk(message: str, language: str) -> tuple[SmallTalk, str] | None:
    """Return what a message of small talk does, and its language; None for any other message.

    A word of several languages ("hi") counts as one of `language`, if that has it.
    """
    if len(message) > _MAX_SMALL_TALK_CHARS:
        return None
    folded = fold_phrase(message)
    for other_language in dict.fromkeys([language, *_load_small_talk()]):
        if kind := _small_talk_in(folded, other_language):
            return kind, other_language
    return None


def _small_talk_in(folded: str, language: str) -> SmallTalk | None:
    """Return what a folded message does if it consists of phrases of this language alone."""
    text = folded.replace(" ", "") if language == "zh" else f"{folded} "
    # Compiling a pattern takes longer than answering a question; few messages begin with a phrase.
    begins = any(text.startswith(tuple(words)) for words in _small_talk_phrases(language).values())
    match = _small_talk_pattern(language).fullmatch(text) if begins else None
    return next((kind for kind in SmallTalk if match and match.captures(kind.value)), None)


@cache
def _small_talk_pattern(language: str) -> regex.Pattern[str]:
    choices = (
        f"(?P<{name}>{'|'.join(map(regex.escape, words))})"
        for name, words in _small_talk_phrases(language).items()
    )
    return regex.compile(f"(?:{'|'.join(choices)})+")


@cache
def _small_talk_phrases(language: str) -> Mapping[str, Sequence[str]]:
    """Return the folded phrases of each kind, the longest first, each with the blank after it."""
    end = "" if language == "zh" else " "
    return {
        kind: [phrase + end for phrase in sorted(map(fold_phrase, phrases.split(",")), key=len, reverse=True)]
        for kind, phrases in _load_small_talk()[language].items()
    }


@cache
def _load_small_talk() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files(__package__).joinpath("small_talk.toml").read_text(encoding="utf-8"))
