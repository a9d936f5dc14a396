"""Queries: the words of a question, each with its terms in the languages of the documents.

Stop words do not name the subject: question words, function words, small talk. They weigh little in a query.
Documents are indexed with them: without them, 3 % of the first hits are lost. The lists are in
stopwords.toml, which a speaker of a language can edit.

"What does the article say about" is about the asking, not the subject: question_phrases.toml lists such
phrases. The words that join several questions in one message are in question_parts.toml.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import accumulate, chain, islice

import regex

from retrieval.language import fold, is_unspaced, script, script_of, tokenize


@dataclass(frozen=True, slots=True)
class Stopwords:
    """The stop words of one language, folded, by the kind of answer they ask for.

    `join` holds the other function words. `greet` has small talk, which counts only in a message without
    other content. In scripts without spaces entries are substrings of a question, elsewhere whole words.
    """

    who: frozenset[str]
    when: frozenset[str]
    where: frozenset[str]
    count: frozenset[str]
    why: frozenset[str]
    what: frozenset[str]
    join: frozenset[str]
    greet: frozenset[str]

    @property
    def question_words(self) -> frozenset[str]:
        return frozenset().union(self.who, self.when, self.where, self.count, self.why, self.what)

    @property
    def function_words(self) -> frozenset[str]:
        """All words but small talk."""
        return self.question_words | self.join


@cache
def load_stopwords() -> Mapping[str, Stopwords]:
    """Return the stop words by language, in the order of the file."""
    source = files(__package__).joinpath("stopwords.toml").read_text(encoding="utf-8")
    return {
        language: Stopwords(**{group: frozenset(words.split()) for group, words in table.items()})
        for language, table in tomllib.loads(source).items()
    }


# Where a word starts and ends in a question, and the folded words of a question tokenised in one language.
Offsets = tuple[int, int]
FoldedWords = dict[Offsets, str]

# In scripts without spaces tokens are characters and their pairs.
_MAX_GREETING_TOKENS = 8
# Longer texts are cut: they are not questions, and would delay the answers to others.
_MAX_QUESTION_CHARS = 500
_MAX_QUERY_WORDS = 200


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question: its offsets, its folded spelling and its terms.

    Content words name the subject; the others ask or join. `is_name` marks capitalised words and numbers,
    which are rarely missing from an answer. `weight` is 1, or less for words of an earlier question.
    `correction` is the right spelling of a misspelt word, else empty.
    """

    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    is_content: bool
    is_name: bool
    weight: float = 1.0
    correction: str = ""

    @property
    def spelling(self) -> str:
        """The correction if there is one, else the text."""
        return self.correction or self.text


@dataclass(frozen=True, slots=True)
class Query:
    """A question, with its distinct words in order and the kinds of answer it asks for.

    `is_greeting` is true for a greeting or thanks without a question word: it asks nothing, not even in reply
    to an answer.
    """

    text: str
    words: tuple[Word, ...]
    wants_time: bool
    wants_number: bool
    wants_person: bool
    is_greeting: bool = False

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(term for word in self.words for term in word.terms))


def parse(text: str, languages: Sequence[str]) -> Query:
    """Return the query for a question, analysed in each of the languages.

    The language of so short a text cannot be detected reliably. Long texts are cut.
    """
    text = text[:_MAX_QUESTION_CHARS]
    folded: dict[str, FoldedWords] = {}
    terms: dict[Offsets, dict[str, None]] = {}
    for language in languages:
        tokens = tokenize(text, language)
        folded[language] = {(token.start, token.end): token.word for token in tokens}
        for token in tokens:
            terms.setdefault((token.start, token.end), {})[token.term] = None
    foreign = _fold_in_foreign_languages(text, folded)
    folded |= {language: foreign[language] for language in _detect_stopwords(text, foreign)}
    stopwords = _detect_stopwords(text, folded)
    content = _drop_asking_phrases(text, _find_content(text, folded, stopwords))
    words: dict[tuple[str, ...], Word] = {}
    for (start, end), word_terms in sorted(terms.items()):
        word = Word(
            start,
            end,
            _spell((start, end), folded),
            tuple(word_terms),
            is_content=(start, end) in content,
            is_name=text[start].isdigit() or (start > 0 and text[start].isupper()),
        )
        words.setdefault(word.terms, word)
    return Query(
        text,
        tuple(islice(words.values(), _MAX_QUERY_WORDS)),
        wants_time=any(
            _find_listed(text, folded[name].values(), listed.when) for name, listed in stopwords.items()
        ),
        wants_number=any(
            _find_listed(text, folded[name].values(), listed.count) for name, listed in stopwords.items()
        ),
        wants_person=any(
            _find_listed(text, folded[name].values(), listed.who) for name, listed in stopwords.items()
        ),
        is_greeting=not content and _is_greeting(text, folded),
    )


def with_earlier_words(query: Query, earlier: Query) -> Query:
    """Return a follow-up query ("and who supports him?") with the content words of the one before it.

    These weigh half a word together, or their full weight if the follow-up has no content words.
    """
    known_terms = {word.terms for word in query.words}
    added = [word for word in earlier.words if word.is_content and word.terms not in known_terms]
    weight = 0.5 / max(len(added), 1) if any(word.is_content for word in query.words) else 1.0
    return replace(query, words=(*query.words, *(replace(word, weight=weight) for word in added)))


def with_corrections(query: Query, corrections: Mapping[str, str], languages: Sequence[str]) -> Query:
    """Return a query in which misspelt words have the terms of their corrections, too.

    `corrections` maps folded spellings to the right ones.
    """
    words = tuple(
        replace(
            word,
            terms=(*word.terms, *parse(corrections[word.text], languages).terms),
            correction=corrections[word.text],
        )
        if word.text in corrections
        else word
        for word in query.words
    )
    return replace(query, words=words)


def _spell(offsets: Offsets, folded: Mapping[str, FoldedWords]) -> str:
    """Return a word as the first language of its script folds it, which is how documents are indexed."""
    spellings = {language: words[offsets] for language, words in folded.items() if offsets in words}
    first = next(iter(spellings.values()))
    if len(set(spellings.values())) == 1:
        return first
    text_script = script(first)
    return next((word for language, word in spellings.items() if script_of(language) == text_script), first)


def _drop_asking_phrases(text: str, content: set[Offsets]) -> set[Offsets]:
    """Return the content words outside asking phrases, or all of them if there are no others."""
    spans = find_asking_phrases(text)
    outside = {
        (start, end)
        for start, end in content
        if not any(span_start <= start and end <= span_end for span_start, span_end in spans)
    }
    return outside or content


def _detect_stopwords(text: str, folded: Mapping[str, FoldedWords]) -> dict[str, Stopwords]:
    """Return the stop words of the languages with the most function words in a question.

    A function word of one language may be a content word in another.
    """
    stopwords = load_stopwords()
    counts = {
        language: len(_find_listed(text, words.values(), stopwords[language].function_words))
        for language, words in folded.items()
        if language in stopwords
    }
    highest = max(counts.values(), default=0)
    return {language: stopwords[language] for language, count in counts.items() if count and count == highest}


def _fold_in_foreign_languages(text: str, folded: Mapping[str, FoldedWords]) -> dict[str, FoldedWords]:
    """Return the folded words of a question in the languages of its script that no document is in.

    Empty if the question has function words of the documents' languages: then it is in one of them.
    """
    if _detect_stopwords(text, folded):
        return {}
    text_script = script(text)
    return {
        language: _fold_words(text, language)
        for language in load_stopwords()
        if language not in folded and script_of(language) == text_script
    }


def _fold_words(text: str, language: str) -> FoldedWords:
    return {(token.start, token.end): token.word for token in tokenize(text, language)}


def _find_listed(text: str, words: Iterable[str], listed: frozenset[str]) -> set[str]:
    """Return the listed words among `words`, and those of scripts without spaces anywhere in the text."""
    return {*listed.intersection(words), *(word for word in listed if is_unspaced(word) and word in text)}


def _find_content(
    text: str, folded: Mapping[str, FoldedWords], stopwords: Mapping[str, Stopwords]
) -> set[Offsets]:
    """Return the offsets of content words; small talk has none."""
    if _is_small_talk(text, folded):
        return set()
    # For each character, how far the stop words reach that start at or before it.
    covered_to = [0] * (len(text) + 1)
    spans = (span for listed in stopwords.values() for span in _find_unspaced(text, listed.function_words))
    for start, end in spans:
        covered_to[start] = max(covered_to[start], end)
    covered_to = list(accumulate(covered_to, max))
    function_words = {
        offsets
        for language, listed in stopwords.items()
        for offsets, word in folded[language].items()
        if word in listed.function_words
    }
    # "What's": the s is a word in languages of the documents, but not in that of the question.
    own_words = {offsets for language in stopwords for offsets in folded[language]}
    return {
        (start, end)
        for words in folded.values()
        for start, end in words.keys() - function_words
        if end > covered_to[start]
        and not (own_words and text[start - 1 : start] in _APOSTROPHES and (start, end) not in own_words)
    }


def _is_greeting(text: str, folded: Mapping[str, FoldedWords]) -> bool:
    """Return whether a message without content words greets or thanks, in any language, and asks nothing."""
    stopwords = load_stopwords()
    with_stopwords = (
        (words, stopwords[language]) for language, words in folded.items() if language in stopwords
    )
    return any(
        _greets(text, words, listed) and not _find_listed(text, words.values(), listed.question_words)
        for words, listed in chain(with_stopwords, _fold_in_greeting_languages(text, folded))
    )


def _is_small_talk(text: str, folded: Mapping[str, FoldedWords]) -> bool:
    """Return whether a message has only greetings, thanks and function words.

    People greet in any language, whatever the documents are in. In a language that no document is in, one of
    the words must be a greeting.
    """
    stopwords = load_stopwords()
    if any(
        _has_only_stopwords(text, words, stopwords[language])
        for language, words in folded.items()
        if language in stopwords
    ):
        return True
    if max(map(len, folded.values()), default=0) > _MAX_GREETING_TOKENS:
        return False
    return any(_greets(text, words, listed) for words, listed in _fold_in_greeting_languages(text, folded))


def _fold_in_greeting_languages(
    text: str, folded: Mapping[str, FoldedWords]
) -> Iterator[tuple[FoldedWords, Stopwords]]:
    """Yield the words of a message in other languages of its script that it may greet in."""
    text_script = script(text)
    for language, listed in load_stopwords().items():
        if (
            language not in folded
            and script_of(language) == text_script
            and _may_greet(text, language, listed)
        ):
            yield _fold_words(text, language), listed


def _greets(text: str, words: FoldedWords, listed: Stopwords) -> bool:
    """Return whether a message has a greeting or thanks, and no content word."""
    return bool(_find_listed(text, words.values(), listed.greet)) and _has_only_stopwords(text, words, listed)


def _may_greet(text: str, language: str, stopwords: Stopwords) -> bool:
    """Return whether a text may have a greeting. Cheaper than tokenising it."""
    folded = fold(text, language)
    return any(word in folded for word in stopwords.greet)


def _has_only_stopwords(text: str, words: FoldedWords, stopwords: Stopwords) -> bool:
    listed = stopwords.function_words | stopwords.greet
    covered = {offset for start, end in _find_unspaced(text, listed) for offset in range(start, end)}
    return all(word in listed or covered.issuperset(range(*offsets)) for offsets, word in words.items())


def _find_unspaced(text: str, listed: frozenset[str]) -> list[Offsets]:
    """Return the offsets of listed words of scripts without spaces."""
    return [
        match.span()
        for word in _find_listed(text, (), listed)
        for match in regex.finditer(regex.escape(word), text)
    ]


# Scripts written without spaces.
UNSPACED = r"\u2e80-\u9fff\u3040-\u30ff"
_ASKING_PART = re.compile(
    r"(?P<document>\{document\})|\[(?P<optional>[^\]]*)\]|\((?P<either>[^)]*)\)|(?P<words>[^\[({]+)"
)
_WORD_CHARACTER = re.compile(r"\w")
_UNSPACED_LETTER = re.compile(rf"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class _PhrasePart:
    """A part of a phrase, with its alternatives."""

    options: tuple[str, ...]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class _AskingPhrase:
    """A phrase. `is_first` and `is_last` bind it to the beginning or the end of the question."""

    parts: tuple[_PhrasePart, ...]
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
    return subject if _WORD_CHARACTER.search(subject) else text


def document_words(language: str) -> Sequence[str]:
    """Return what people call documents in general, in a language of the file."""
    return load_tables("question_phrases")[language]["documents"]


@cache
def load_tables(name: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the table of each language in a file of phrases."""
    source = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


@cache
def _load_asking_phrases() -> tuple[_AskingPhrase, ...]:
    return tuple(
        _parse_phrase(phrase.lower(), tuple(table["documents"]))
        for table in load_tables("question_phrases").values()
        for phrase in table["phrases"]
    )


def _parse_phrase(phrase: str, documents: tuple[str, ...]) -> _AskingPhrase:
    """Parse a phrase in the syntax of the file; `documents` are the words that {document} matches."""
    parts: list[_PhrasePart] = []
    for match in _ASKING_PART.finditer(phrase.removeprefix("^ ").removesuffix(" $")):
        if match["document"]:
            parts.append(_PhrasePart(documents, is_optional=False))
        elif match["words"] is not None:
            parts.append(_PhrasePart((match["words"],), is_optional=False))
        else:
            alternatives = (match["optional"] or match["either"] or "").split("|")
            options = tuple(
                option for alternative in alternatives for option in _expand(alternative, documents)
            )
            parts.append(_PhrasePart(options, is_optional=match["optional"] is not None))
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


MAX_QUESTION_PARTS = 4
_MAX_SEVERAL_CHARS = 300
_PREFIX_MARK = "prefix:"
UNSPACED_LETTER = r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]"
_UNSPACED_WORD = regex.compile(UNSPACED_LETTER)
_END_OF_QUESTION = regex.compile(r"(?<=[?？؟])\s*(?=\S)")
_COMMAS = regex.compile(r"\s*[,،、，;；]\s*")
_QUESTION_MARK = regex.compile(r"[?？؟]")
# "Bis wann kann ich kündigen"
_MAX_WORDS_BEFORE_ASKING = 2
_APOSTROPHES = ("'", "’", "ʼ")
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class _Joining:
    """The words that join questions in a language, as patterns; `asking` are folded words."""

    conjunction: "regex.Pattern[str]"
    asking: frozenset[str]
    compare: "regex.Pattern[str]"


def split_question(text: str) -> list[str]:
    """Return the parts of a message that may each be a question of its own; empty if it has one part only.

    Parts without a question word get the words that begin the first: "what are the", "prices". The library
    decides by their answers whether they are asked apart: many phrases with "and" are one thing.
    """
    if len(text) > _MAX_SEVERAL_CHARS:
        return []
    questions = [part.strip() for part in _END_OF_QUESTION.split(text) if _LETTER_OR_DIGIT.search(part)]
    if len(questions) > 1:
        return questions if len(questions) <= MAX_QUESTION_PARTS else []
    for joining in _load_joining():
        parts = _split(text, joining)
        if len(parts) > 1:
            return parts if len(parts) <= MAX_QUESTION_PARTS else []
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
        rest = after if _LETTER_OR_DIGIT.search(after) else before
    pieces = joining.conjunction.split(rest)
    if len(pieces) == 1:
        return []
    # Only a list that ends with "and" is one: "A, B and C".
    pieces = [*_COMMAS.split(pieces[0]), *pieces[1:]]
    pieces = [piece.strip(" ,،、，;；") for piece in pieces]
    if not all(_LETTER_OR_DIGIT.search(piece) for piece in pieces):
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
    if word.startswith(_PREFIX_MARK):
        return rf"\s+{regex.escape(word.removeprefix(_PREFIX_MARK))}(?=\p{{L}}{{3}})"
    pattern = regex.escape(word)
    if _UNSPACED_WORD.search(word):
        return pattern
    return rf"\s+{pattern}\s+" if is_conjunction else rf"(?<!\w){pattern}(?!\w)"
