"""Queries: the words of a question, each with its terms in the languages of the documents.

Stop words do not name the subject: question words, function words, small talk. They weigh little in a query.
Documents are indexed with them: without them, 3 % of the first hits are lost. The lists are in
stopwords.toml, which a speaker of a language can edit.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import accumulate, chain, islice

import regex

from retrieval.language import fold, is_unspaced, script, script_of, tokenize
from retrieval.query.question_phrases import find_asking_phrases


@dataclass(frozen=True, slots=True)
class Stopwords:
    """The stop words of one language, folded, by the kind of answer they ask for.

    `join` holds the other function words. `greet` holds small talk, which counts only in a message without
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
            _find_listed(text, folded[name].values(), own.when) for name, own in stopwords.items()
        ),
        wants_number=any(
            _find_listed(text, folded[name].values(), own.count) for name, own in stopwords.items()
        ),
        wants_person=any(
            _find_listed(text, folded[name].values(), own.who) for name, own in stopwords.items()
        ),
        is_greeting=not content and _is_greeting(text, folded),
    )


def with_earlier_words(query: Query, earlier: Query) -> Query:
    """Return a follow-up query ("and who supports him?") with the content words of the one before it.

    These weigh half a word together, or their full weight if the follow-up has no content words.
    """
    own = {word.terms for word in query.words}
    added = [word for word in earlier.words if word.is_content and word.terms not in own]
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
    own = script(first)
    return next((word for language, word in spellings.items() if script_of(language) == own), first)


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
    own = script(text)
    return {
        language: _fold_words(text, language)
        for language in load_stopwords()
        if language not in folded and script_of(language) == own
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
    spans = (span for own in stopwords.values() for span in _find_unspaced(text, own.function_words))
    for start, end in spans:
        covered_to[start] = max(covered_to[start], end)
    covered_to = list(accumulate(covered_to, max))
    function_words = {
        offsets
        for language, own in stopwords.items()
        for offsets, word in folded[language].items()
        if word in own.function_words
    }
    return {
        (start, end)
        for words in folded.values()
        for start, end in words.keys() - function_words
        if end > covered_to[start]
    }


def _is_greeting(text: str, folded: Mapping[str, FoldedWords]) -> bool:
    """Return whether a message without content words greets or thanks, in any language, and asks nothing."""
    stopwords = load_stopwords()
    own = ((words, stopwords[language]) for language, words in folded.items() if language in stopwords)
    return any(
        _greets(text, words, listed) and not _find_listed(text, words.values(), listed.question_words)
        for words, listed in chain(own, _fold_in_greeting_languages(text, folded))
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
    own = script(text)
    for language, listed in load_stopwords().items():
        if language not in folded and script_of(language) == own and _may_greet(text, language, listed):
            yield _fold_words(text, language), listed


def _greets(text: str, words: FoldedWords, listed: Stopwords) -> bool:
    """Return whether a message has a greeting or thanks, and no content word."""
    return bool(_find_listed(text, words.values(), listed.greet)) and _has_only_stopwords(text, words, listed)


def _may_greet(text: str, language: str, stopwords: Stopwords) -> bool:
    """Return whether a text may hold a greeting. Cheaper than tokenising it."""
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
