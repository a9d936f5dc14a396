"""Phrases in questions: about the asking, about the documents themselves, and those that join questions.

"What does the article say about" is about the asking, not the subject: question_phrases.toml lists such
phrases. "Which documents do you have" asks about the documents: document_questions.toml lists such questions.
The words that join several questions in one message are in question_parts.toml. A speaker of a language can
edit all of them.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

import regex

_UNSPACED = r"\u2e80-\u9fff\u3040-\u30ff"
_UNSPACED_GAP = re.compile(rf"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])")
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


_ASKING_PART = re.compile(
    r"(?P<document>\{document\})|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)"
)
_WORD = re.compile(r"\w")
_UNSPACED_LETTER = re.compile(rf"[{_UNSPACED}]")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a phrase, with its alternatives."""

    options: tuple[str, ...]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class _AskingPhrase:
    """A phrase. `is_first` and `is_last` bind it to the beginning or the end of the question."""

    parts: tuple[_Part, ...]
    is_first: bool
    is_last: bool


def find_asking_phrases(text: str) -> list[tuple[int, int]]:
    """Return the spans of phrases about the asking, in any language that has some, in order.

    Adjacent phrases are one span.
    """
    return list(_find_spans(text))


@lru_cache(maxsize=1_024)
def _find_spans(text: str) -> tuple[tuple[int, int], ...]:
    folded = text.lower().replace("’", "'")
    if len(folded) != len(text):  # offsets in the folded text would be wrong
        return ()
    matches = [
        match.span()
        for phrase in _load_asking_phrases()
        if _may_match(folded, phrase)
        for match in _compile_asking(phrase).finditer(folded)
    ]
    spans: list[tuple[int, int]] = []
    for start, end in sorted(matches, key=lambda span: (span[0], -span[1])):
        if spans and (start < spans[-1][1] or not folded[spans[-1][1] : start].strip(" ,")):
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        elif end > start:
            spans.append((start, end))
    return tuple(spans)


def remove_asking_phrases(text: str) -> str:
    """Return a question without phrases about the asking, or unchanged if nothing else would be left."""
    rest, copied_to = "", 0
    for start, end in find_asking_phrases(text):
        rest += text[copied_to:start] + " "
        copied_to = end
    subject = " ".join((rest + text[copied_to:]).split()).strip(" ,:;¿")
    return subject if _WORD.search(subject) else text


def document_words(language: str) -> Sequence[str]:
    """Return what people call documents in general, in a language of the file."""
    return _load_tables("question_phrases")[language]["documents"]


@cache
def _load_tables(name: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the table of each language in a file of phrases."""
    source = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def _load_asking_phrases() -> tuple[_AskingPhrase, ...]:
    return tuple(
        _parse_phrase(phrase.lower(), tuple(table["documents"]))
        for table in _load_tables("question_phrases").values()
        for phrase in table["phrases"]
    )


def _parse_phrase(phrase: str, documents: tuple[str, ...]) -> _AskingPhrase:
    """Parse a phrase in the syntax of the file; `documents` are the words that {document} matches."""
    parts: list[_Part] = []
    for match in _ASKING_PART.finditer(phrase.removeprefix("^ ").removesuffix(" $")):
        if match["document"]:
            parts.append(_Part(documents, is_optional=False))
        elif match["words"] is not None:
            parts.append(_Part((match["words"],), is_optional=False))
        else:
            alternatives = (match["optional"] or match["either"] or "").split("|")
            options = tuple(
                option for alternative in alternatives for option in _expand(alternative, documents)
            )
            parts.append(_Part(options, is_optional=match["optional"] is not None))
    return _AskingPhrase(tuple(parts), phrase.startswith("^ "), phrase.endswith(" $"))


def _expand(alternative: str, documents: tuple[str, ...]) -> list[str]:
    """Return an alternative with {document} replaced by each of the words for documents."""
    if "{document}" not in alternative:
        return [alternative]
    return [alternative.replace("{document}", document) for document in documents]


def _may_match(text: str, phrase: _AskingPhrase) -> bool:
    """Return whether a text contains all required parts. Much cheaper than compiling a pattern."""
    return all(
        part.is_optional or any(option.strip() in text for option in part.options) for part in phrase.parts
    )


@lru_cache(maxsize=256)
def _compile_asking(phrase: _AskingPhrase) -> "re.Pattern[str]":
    pattern = ""
    for part in phrase.parts:
        options = "|".join(map(_escape, sorted(part.options, key=len, reverse=True)))
        pattern += f"(?:{options}){'?' if part.is_optional else ''}"
    is_unspaced = any(_UNSPACED_LETTER.search(option) for part in phrase.parts for option in part.options)
    prefix = r"^\W*" if phrase.is_first else "" if is_unspaced else r"(?<!\w)"
    suffix = r"(?=\W*$)" if phrase.is_last else "" if is_unspaced else r"(?!\w)"
    return re.compile(prefix + pattern + suffix)


def _escape(text: str) -> str:
    # A blank matches no space, too: an optional part that is missing leaves its blanks behind.
    return r"\s*".join(map(re.escape, text.split(" ")))


# Longer messages are not such questions.
_MAX_QUESTION_CHARS = 160
# Words before and after a phrase, such as "hello" and "please".
_MAX_POLITE_WORDS = 4
_PART = re.compile(r"\{(?P<slot>[a-z]+)\}|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)")
_SLOT = re.compile(r"\{([a-z]+)\}")
# What the caller fills in: whole words, or any characters of a script without spaces.
_FREE_SLOT = (
    rf"(?:^|(?<=[\s{_UNSPACED}])|(?=[{_UNSPACED}]))(?P<{{}}>\S(?:.*\S)?)"
    rf"(?:$|(?=[\s{_UNSPACED}])|(?<=[{_UNSPACED}]))"
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
        _compile_reference(language).fullmatch(folded) for language in _load_tables("document_questions")
    )


def is_document_word(word: str) -> bool:
    """Return whether a word means documents in general, in any language."""
    return fold_phrase(word) in _document_words()


@cache
def _document_words() -> frozenset[str]:
    return frozenset(
        fold_phrase(word)
        for language, table in _load_tables("document_questions").items()
        for word in (*document_words(language), *table["documents"])
    )


@cache
def _load_phrases() -> tuple[_DocumentPhrase, ...]:
    return tuple(
        _DocumentPhrase(topic, language, phrase, tuple(_required_options(phrase)))
        for language, table in _load_tables("document_questions").items()
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
    table = _load_tables("document_questions")[language]
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
    table = _load_tables("document_questions")[language]
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


MAX_PARTS = 4
_MAX_CHARS = 300
_PREFIX = "prefix:"
_UNSPACED_WORD = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]")
_END_OF_QUESTION = regex.compile(r"(?<=[?？؟])\s*(?=\S)")
_COMMAS = regex.compile(r"\s*[,،、，;；]\s*")
_QUESTION_MARK = regex.compile(r"[?？؟]")
# "Bis wann kann ich kündigen"
_MAX_WORDS_BEFORE_ASKING = 2
_LETTER = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class _Joining:
    """What joins questions in a language, as patterns; `asking` are folded words."""

    conjunction: "regex.Pattern[str]"
    asking: frozenset[str]
    compare: "regex.Pattern[str]"


def split_question(text: str) -> list[str]:
    """Return the parts of a message that may each be a question of its own; empty if it has one part only.

    Parts without a question word get the words that begin the first: "what are the", "prices". The pipeline
    decides by their answers whether they are asked apart: many phrases with "and" are one thing.
    """
    if len(text) > _MAX_CHARS:
        return []
    questions = [part.strip() for part in _END_OF_QUESTION.split(text) if _LETTER.search(part)]
    if len(questions) > 1:
        return questions if len(questions) <= MAX_PARTS else []
    for joining in _load_joining():
        parts = _split(text, joining)
        if len(parts) > 1:
            return parts if len(parts) <= MAX_PARTS else []
    return []


def looks_like_question(text: str) -> bool:
    """Return whether a text has a question mark, or a word that begins questions near its beginning."""
    if _QUESTION_MARK.search(text):
        return True
    words = [word.strip("¿¡,.:;!") for word in text.lower().split()[:_MAX_WORDS_BEFORE_ASKING]]
    return any(
        word in joining.asking
        or any(_UNSPACED_WORD.search(asking) and asking in word for asking in joining.asking)
        for joining in _load_joining()
        for word in words
    )


def _split(text: str, joining: _Joining) -> list[str]:
    rest = text.strip().rstrip("?？؟.!。！ ")
    compared = joining.compare.search(rest)
    if compared:
        before, after = rest[: compared.start()], rest[compared.end() :]
        rest = after if _LETTER.search(after) else before
    pieces = joining.conjunction.split(rest)
    if len(pieces) == 1:
        return []
    # Only a list that ends with "and" is one: "A, B and C".
    pieces = [*_COMMAS.split(pieces[0]), *pieces[1:]]
    pieces = [piece.strip(" ,،、，;；") for piece in pieces]
    if not all(_LETTER.search(piece) for piece in pieces):
        return []
    if compared:
        return pieces
    first = pieces[0]
    return [first, *(_complete(piece, first, joining) for piece in pieces[1:])]


def _complete(piece: str, first: str, joining: _Joining) -> str:
    """Return a later part as a question: with the question words of the first if it has none itself."""
    if _begins_question(piece, joining):
        return piece
    words = first.split()
    asking = [word for word in words[:3] if word.lower().strip("¿¡") in joining.asking]
    return " ".join([*asking, piece]) if asking and words[0] == asking[0] else piece


def _begins_question(piece: str, joining: _Joining) -> bool:
    words = piece.lower().strip("¿¡").split()
    return bool(words) and words[0] in joining.asking


@cache
def _load_joining() -> Sequence[_Joining]:
    source = files(__package__).joinpath("question_parts.toml").read_text(encoding="utf-8")
    return [_joining(table) for table in tomllib.loads(source).values()]


def _joining(table: Mapping[str, Sequence[str]]) -> _Joining:
    words = [_word_pattern(word) for word in table["and"]]
    compare = [_word_pattern(phrase, is_conjunction=False) for phrase in table["compare"]]
    return _Joining(
        regex.compile("|".join(words), regex.IGNORECASE),
        frozenset(table["asking"]),
        regex.compile("|".join(compare), regex.IGNORECASE),
    )


def _word_pattern(word: str, *, is_conjunction: bool = True) -> str:
    """Return a pattern for a word: between spaces, before another word, or anywhere if it has no spaces."""
    if word.startswith(_PREFIX):
        return rf"\s+{regex.escape(word.removeprefix(_PREFIX))}(?=\p{{L}}{{3}})"
    pattern = regex.escape(word)
    if _UNSPACED_WORD.search(word):
        return pattern
    return rf"\s+{pattern}\s+" if is_conjunction else rf"(?<!\w){pattern}(?!\w)"
