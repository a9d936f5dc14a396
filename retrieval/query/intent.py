"""Messages that ask nothing of the texts: small talk, names of documents, questions about the documents.

"Which documents do you have" asks about the documents: document_questions.toml lists such questions, and
small_talk.toml greetings and thanks. A speaker of a language can edit both.

`find_documents` takes a name as people say it: "the travel policy" is travel-policy.md. `find_files` and
`find_titles` take a message that is nothing but file names or titles as they are written.
"""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Self

import regex

from retrieval.language import Token, tokenize
from retrieval.model import Source
from retrieval.query.query import UNSPACED, UNSPACED_LETTER, document_words, load_stopwords, load_tables

_UNSPACED_GAP = re.compile(rf"(?<=[{UNSPACED}]) (?=[{UNSPACED}])")
_BLANKS = re.compile(" +")
# Letters that people write for one another, beside those with accents.
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
    for at, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character.casefold()).translate(_ALIKE):
            letter = _fold_character(part)
            if letter and (letter != " " or (folded and folded[-1] != " ")):
                folded.append(letter)
                offsets.append(at)
    while folded and folded[-1] == " ":
        folded.pop()
        offsets.pop()
    joined = "".join(folded)
    gaps = {match.start() for match in _UNSPACED_GAP.finditer(joined)}
    kept = [at for at in range(len(joined)) if at not in gaps]
    return "".join(joined[at] for at in kept), [offsets[at] for at in kept]


# Longer messages are not such questions.
_MAX_DOCUMENT_QUESTION_CHARS = 160
# Words before and after a phrase, such as "hello" and "please".
_MAX_POLITE_WORDS = 4
_PART = re.compile(r"\{(?P<slot>[a-z]+)\}|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)")
_SLOT = re.compile(r"\{([a-z]+)\}")
# What the caller fills in: whole words, or any characters of a script without spaces.
_FREE_SLOT = (
    rf"(?:^|(?<=[\s{UNSPACED}])|(?=[{UNSPACED}]))(?P<{{}}>\S(?:.*\S)?)"
    rf"(?:$|(?=[\s{UNSPACED}])|(?<=[{UNSPACED}]))"
)
_FREE_SLOTS = frozenset({"name", "words"})


class Topic(StrEnum):
    """What a question about the documents asks for."""

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

    topic: Topic
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _DocumentPhrase:
    """A phrase of the table `language`. A text without one of the options of each `required` cannot match."""

    topic: Topic
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
        if size and (other is topic or other is Topic.CONTENTS)
    )
    if length:
        return DocumentQuestion(topic, next(subjects))
    # "The handbook" may be any document, or the name of one.
    return DocumentQuestion(topic, next(filter(is_any_document, subjects), ""))


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
        _DocumentPhrase(topic, language, phrase, tuple(_required_options(phrase)))
        for language, table in load_tables("document_questions").items()
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
        if at % 2
        else r"\s*".join(re.escape(fold_phrase(word)).replace(r"\ ", r"\s*") for word in part.split(" "))
        for at, part in enumerate(parts)
    )


# Forms of a word that differ after its stem: "politikası", "politikasında".
_MIN_STEM_CHARS = 5
_MIN_STEM_SHARE = 0.75
# Where scripts with and without spaces meet: "note.txt里".
_UNSPACED_EDGE = regex.compile(
    rf"(?<={UNSPACED_LETTER})(?=[\p{{Latin}}\p{{N}}])|(?<=[\p{{Latin}}\p{{N}}])(?={UNSPACED_LETTER})"
)
# Longer messages are more than names.
_MAX_NAMES_CHARS = 1000
_NAME_SEPARATORS = regex.compile(r"[,;\n،、，；]+")
# Shorter words between names are taken for "and" and the like.
_MAX_JOINING_CHARS = 3


def documents_meant(name: str, sources: Sequence[Source], *, is_whole: bool = False) -> list[Source]:
    """Return the documents of a name; all of them without a name, or for "this" and "the article".

    "The manual" and "the mail" are the only document of this kind, if there is one. With `is_whole`, the name
    must be a whole title, file name or kind.
    """
    found = find_documents(name, sources, is_whole=is_whole) or _only_one_of_kind(name, sources)
    return list(sources) if not found and (not name or is_any_document(name)) else found


def only_document_about(text: str, sources: Sequence[Source]) -> Source | None:
    """Return the only document that a question for the contents of one can mean: "what is in the goulash".

    A part of its title is enough, so this is for questions that no quote answers.
    """
    question = parse_document_question(text)
    if question is None or question.topic is not Topic.CONTENTS:
        return None
    found = find_documents(question.subject, sources)
    return found[0] if len(found) == 1 else None


# The kinds of files that people have words for, which a title rarely has.
_SUFFIXES = {
    "mails": frozenset({".eml", ".msg", ".mbox"}),
    "sheets": frozenset({".xlsx", ".xls", ".ods", ".csv", ".tsv"}),
    "slides": frozenset({".pptx", ".odp"}),
}
# "这封" before "邮件".
_MAX_UNSPACED_POINTER_CHARS = 2


def _only_one_of_kind(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the only document of a kind that people call it by, such as "the mail"; none if several are."""
    found: dict[str, Source] = {}
    folded = fold_phrase(name)
    for language, table in load_tables("document_questions").items():
        for key in ("kinds", *_SUFFIXES):
            if kind := next((word for word in table[key] if _is_only_word(word, folded, language)), None):
                found |= {source.id: source for source in sources if _is_of_kind(source, key, kind, language)}
    return list(found.values()) if len(found) == 1 else []


def _is_only_word(word: str, folded: str, language: str) -> bool:
    """Return whether a folded name is a word, perhaps with function words such as "the" before it."""
    word = fold_phrase(word)
    rest = folded.removesuffix(word)
    if len(rest) == len(folded):
        return False
    if language == "zh":
        return len(rest) <= _MAX_UNSPACED_POINTER_CHARS
    stopwords = load_stopwords()[language].function_words
    return rest[-1:] in {"", " "} and all(before in stopwords for before in rest.split())


def _is_of_kind(source: Source, key: str, kind: str, language: str) -> bool:
    if key in _SUFFIXES:
        return PurePosixPath(source.name).suffix.lower() in _SUFFIXES[key]
    if source.language != language:
        return False
    terms = _content_terms(kind, language)
    return any(terms <= _content_terms(name, language) for name in (source.title, source.name))


def find_documents(name: str, sources: Sequence[Source], *, is_whole: bool = False) -> list[Source]:
    """Return the documents whose title or file name has all words of a name, in the order of `sources`.

    Inflected words match. If the words are all of a title or file name, or have a file name with its suffix
    among them, documents that have others as well are left out; with `is_whole`, always. Empty if the name
    has no words but function words and "document".
    """
    if files := _find_file_names(name, sources):
        return files
    matches: list[Source] = []
    exact: list[Source] = []
    for language in sorted({source.language for source in sources}):
        own = _content_terms(name, language)
        wanted = own - _document_terms(name, language)
        joined = "".join(token.word for token in _content_tokens(name, language))
        for source in (source for source in sources if source.language == language):
            tokens = [_content_tokens(text, language) for text in _names(source)]
            names = [{token.term for token in own_tokens} for own_tokens in tokens]
            # "The price list" is pricelist.xls, "the pricelist" is price-list.xls.
            is_joined = joined in ("".join(token.word for token in own_tokens) for own_tokens in tokens)
            if own and (is_joined or any(_is_name(terms, own, wanted, is_whole=is_whole) for terms in names)):
                exact.append(source)
            elif wanted and wanted <= set().union(*names):
                matches.append(source)
    found = {source.id for source in (exact if is_whole else exact or matches)}
    return [source for source in sources if source.id in found]


def _is_name(terms: set[str], own: set[str], wanted: set[str], *, is_whole: bool) -> bool:
    """Return whether the terms of a title or file name are those of a name, perhaps without "document".

    With `is_whole`, words may differ in an ending that stemming leaves.
    """
    if terms in (own, wanted):
        return True
    return (
        is_whole
        and len(terms) == len(wanted) > 0
        and all(any(_is_inflected(term, other) for other in terms) for term in wanted)
    )


def _is_inflected(term: str, other: str) -> bool:
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(term, other, strict=False)))
    is_most = shared >= max(_MIN_STEM_CHARS, _MIN_STEM_SHARE * max(len(term), len(other)))
    return term == other or (is_most and term.isalpha() and other.isalpha())


def _find_file_names(name: str, sources: Sequence[Source]) -> list[Source]:
    """Return the documents with the longest file name, with its suffix, in a text with other words."""
    if "." not in name:
        return []
    words = f" {_UNSPACED_EDGE.sub(' ', fold_phrase(name))} "
    found: dict[str, list[Source]] = {}
    for source in sources:
        for path in {source.name, PurePosixPath(source.name).name}:
            folded = fold_phrase(path)
            if "." in path and f" {_UNSPACED_EDGE.sub(' ', folded)} " in words:
                found.setdefault(folded, []).append(source)
    return _distinct([found[max(found, key=len)]]) if found else []


def _names(source: Source) -> tuple[str, ...]:
    """Return the title, the path, the file name and the file name without its suffix."""
    file = PurePosixPath(source.name)
    return source.title, source.name, file.name, file.stem


def _content_tokens(text: str, language: str) -> list[Token]:
    stopwords = load_stopwords()
    ignored = stopwords[language].function_words if language in stopwords else frozenset()
    return [token for token in tokenize(text, language) if token.word not in ignored]


def _content_terms(text: str, language: str) -> set[str]:
    return {token.term for token in _content_tokens(text, language)}


def _document_terms(text: str, language: str) -> set[str]:
    return {token.term for token in tokenize(text, language) if is_document_word(token.word)}


@dataclass(frozen=True, slots=True)
class NameTable:
    """Documents by folded file name, with and without its folder, and by folded title."""

    sources: Sequence[Source]
    files: Mapping[str, Sequence[Source]]
    titles: Mapping[str, Sequence[Source]]

    @classmethod
    def of(cls, sources: Sequence[Source]) -> Self:
        files, titles = defaultdict(list), defaultdict(list)
        for source in sources:
            paths = [
                path for name in (source.name, *source.copies) for path in (name, PurePosixPath(name).name)
            ]
            for name in dict.fromkeys(map(fold_phrase, paths)):
                files[name].append(source)
            titles[fold_phrase(source.title)].append(source)
        return cls(sources, files, titles)


def may_name_files(text: str) -> bool:
    """Return whether a text can be file names alone. Making a NameTable for any other is in vain."""
    return "." in text and len(text) <= _MAX_NAMES_CHARS


def find_files(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose file names make up the text; none if it has other words."""
    if not may_name_files(text):
        return []
    for parts in ([text], _NAME_SEPARATORS.split(text), _NAME_SEPARATORS.sub(" ", text).split()):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.files.get(name, ())] for name in names]
        rest = [name for name, match in zip(names, matches, strict=True) if not match]
        if all(len(name) <= _MAX_JOINING_CHARS for name in rest) and any(matches):
            return _distinct(matches)
    return []


def find_titles(text: str, tables: Sequence[NameTable]) -> list[Source]:
    """Return the documents whose title is the text, or whose titles are its parts."""
    if len(text) > _MAX_NAMES_CHARS:
        return []
    for parts in ([text], _NAME_SEPARATORS.split(text)):
        names = [name for part in parts if (name := fold_phrase(part))]
        matches = [[source for table in tables for source in table.titles.get(name, ())] for name in names]
        if matches and all(matches):
            return _distinct(matches)
    return []


def _distinct(matches: Sequence[Sequence[Source]]) -> list[Source]:
    return list({source.id: source for match in matches for source in match}.values())


# Longer messages say more than that.
_MAX_SMALL_TALK_CHARS = 120


class SmallTalk(Enum):
    """What a message without a question does; the first of several counts."""

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
    for own in dict.fromkeys([language, *_load_small_talk()]):
        if kind := _small_talk_in(folded, own):
            return kind, own
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
