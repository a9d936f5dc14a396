"""A question as ranking sees it: its words, each with the terms it may be in the documents' languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice

import regex

from retrieval.index.tokenizer import fold, is_unspaced, tokenize
from retrieval.language import script, script_of
from retrieval.query.question_phrases import asking_spans
from retrieval.query.stopwords import Stopwords, load_stopwords

# Where a word stands in a question, and how one language spells the words there.
Place = tuple[int, int]
Reading = dict[Place, str]

# In words; in scripts without spaces, in characters and their pairs.
_LONGEST_GREETING = 8
# What is longer is no question, and would keep everybody else waiting: its beginning says enough.
_LONGEST = 500
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a question: where it stands in it, its folded spelling, and its terms.

    `content` words name what is asked about; the others only ask or join. `named` words look like a name or a
    number, which an answer can hardly do without. `weight` is 1, or less for words of an earlier question.
    """

    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    content: bool
    named: bool
    weight: float = 1.0
    meant: str = ""

    @property
    def spelling(self) -> str:
        """The folded spelling that the documents have: what a misspelt word was meant to be."""
        return self.meant or self.text


@dataclass(frozen=True, slots=True)
class Query:
    """`words` in their order, each once.

    `wants_time`, `wants_number` and `wants_person` tell the kind of answer.
    """

    text: str
    words: tuple[Word, ...]
    wants_time: bool
    wants_number: bool
    wants_person: bool

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(term for word in self.words for term in word.terms))


def parse(text: str, languages: Sequence[str]) -> Query:
    """Analyse a question in every language given: a short text is no safe ground to choose one.

    Only the first words of a text that is much longer than a question are looked at.
    """
    text = text[:_LONGEST]
    readings: dict[str, Reading] = {}
    terms: dict[Place, dict[str, None]] = {}
    for language in languages:
        tokens = tokenize(text, language)
        readings[language] = {(token.start, token.end): token.word for token in tokens}
        for token in tokens:
            terms.setdefault((token.start, token.end), {})[token.term] = None
    foreign = _foreign_readings(text, readings)
    readings |= {name: foreign[name] for name in _lexicons(text, foreign)}
    lexicons = _lexicons(text, readings)
    named = _without_asking(text, _naming(text, readings, lexicons))
    words: dict[tuple[str, ...], Word] = {}
    for (start, end), found in sorted(terms.items()):
        word = Word(
            start,
            end,
            _spelling((start, end), readings),
            tuple(found),
            content=(start, end) in named,
            named=text[start].isdigit() or (start > 0 and text[start].isupper()),
        )
        words.setdefault(word.terms, word)
    return Query(
        text,
        tuple(islice(words.values(), _MOST_WORDS)),
        wants_time=any(_found(text, readings[name].values(), known.when) for name, known in lexicons.items()),
        wants_number=any(
            _found(text, readings[name].values(), known.count) for name, known in lexicons.items()
        ),
        wants_person=any(
            _found(text, readings[name].values(), known.who) for name, known in lexicons.items()
        ),
    )


def follow_up(question: Query, earlier: Query) -> Query:
    """Let a question lean on the one before it ("and who supports him?").

    All that it takes from there weighs half a word of its own, or everything when it has none.
    """
    said = {word.terms for word in question.words}
    taken = [word for word in earlier.words if word.content and word.terms not in said]
    weight = 0.5 / max(len(taken), 1) if any(word.content for word in question.words) else 1.0
    return replace(question, words=(*question.words, *(replace(word, weight=weight) for word in taken)))


def with_corrections(question: Query, corrections: Mapping[str, str], languages: Sequence[str]) -> Query:
    """Let misspelt words count as what they were meant to be; `corrections` gives that by folded spelling."""
    words = tuple(
        replace(
            word,
            terms=(*word.terms, *parse(corrections[word.text], languages).terms),
            meant=corrections[word.text],
        )
        if word.text in corrections
        else word
        for word in question.words
    )
    return replace(question, words=words)


def _spelling(place: Place, readings: Mapping[str, Reading]) -> str:
    """Spell a word as the first language of its script folds it, for so the documents' words are spelt."""
    spellings = {name: reading[place] for name, reading in readings.items() if place in reading}
    first = next(iter(spellings.values()))
    if len(set(spellings.values())) == 1:
        return first
    own = script(first)
    return next((word for name, word in spellings.items() if script_of(name) == own), first)


def _without_asking(text: str, named: set[Place]) -> set[Place]:
    """Leave out words about the asking, unless there are no others."""
    spans = asking_spans(text)
    rest = {
        (start, end)
        for start, end in named
        if not any(begin <= start and end <= stop for begin, stop in spans)
    }
    return rest or named


def _lexicons(text: str, readings: Mapping[str, Reading]) -> dict[str, Stopwords]:
    """Choose the lexicons that know most of the question: what joins in one language may name in another."""
    counts = {
        name: len(_found(text, reading.values(), load_stopwords()[name].function_words))
        for name, reading in readings.items()
        if name in load_stopwords()
    }
    most = max(counts.values(), default=0)
    return {name: load_stopwords()[name] for name, count in counts.items() if count and count == most}


def _foreign_readings(text: str, readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Read the question in the languages of its script that no document is in.

    Only where it has no word that joins in the documents' languages: then it is asked in another one.
    """
    if _lexicons(text, readings):
        return {}
    own = script(text)
    return {
        name: {(token.start, token.end): token.word for token in tokenize(text, name)}
        for name in load_stopwords()
        if name not in readings and script_of(name) == own
    }


def _found(text: str, words: Iterable[str], wanted: frozenset[str]) -> set[str]:
    return {*wanted.intersection(words), *(word for word in wanted if is_unspaced(word) and word in text)}


def _naming(text: str, readings: Mapping[str, Reading], lexicons: Mapping[str, Stopwords]) -> set[Place]:
    """Find where the words stand that name something; in small talk nothing does."""
    if _is_small_talk(text, readings):
        return set()
    # Up to where the phrases reach that begin at each letter or before it.
    reach = [0] * (len(text) + 1)
    for start, end in (span for known in lexicons.values() for span in _phrases(text, known.function_words)):
        reach[start] = max(reach[start], end)
    reach = list(accumulate(reach, max))
    joining = {
        place
        for name, known in lexicons.items()
        for place, word in readings[name].items()
        if word in known.function_words
    }
    return {
        (start, end)
        for reading in readings.values()
        for start, end in reading.keys() - joining
        if end > reach[start]
    }


def _is_small_talk(text: str, readings: Mapping[str, Reading]) -> bool:
    """Return whether a message holds only greetings, thanks and function words.

    People greet in any language, whatever the documents are in; there a greeting must be among the words.
    """
    lexicons = load_stopwords()
    known = ((reading, lexicons[name]) for name, reading in readings.items() if name in lexicons)
    if any(_is_empty(text, reading, lexicon) for reading, lexicon in known):
        return True
    if max(map(len, readings.values()), default=0) > _LONGEST_GREETING:
        return False
    own = script(text)
    foreign = (
        ({(t.start, t.end): t.word for t in tokenize(text, name)}, lexicon)
        for name, lexicon in load_stopwords().items()
        if name not in readings and script_of(name) == own and _may_greet(text, name)
    )
    return any(
        _found(text, reading.values(), lexicon.greet) and _is_empty(text, reading, lexicon)
        for reading, lexicon in foreign
    )


def _may_greet(text: str, language: str) -> bool:
    """Return quickly whether a text may hold a greeting."""
    folded = fold(text, language)
    return any(word in folded for word in load_stopwords()[language].greet)


def _is_empty(text: str, reading: Reading, lexicon: Stopwords) -> bool:
    wanted = lexicon.function_words | lexicon.greet
    covered = {letter for start, end in _phrases(text, wanted) for letter in range(start, end)}
    return all(word in wanted or covered.issuperset(range(*place)) for place, word in reading.items())


def _phrases(text: str, wanted: frozenset[str]) -> list[Place]:
    """Find where the words of scripts without spaces stand."""
    return [
        m.span() for phrase in _found(text, (), wanted) for m in regex.finditer(regex.escape(phrase), text)
    ]
