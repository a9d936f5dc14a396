"""A question as ranking sees it: its words, each with the terms it may be in the documents' languages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import regex

from retrieval.ranking.analysis import is_unspaced, tokenize
from retrieval.ranking.lexicon import LEXICONS, Lexicon


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


@dataclass(frozen=True, slots=True)
class Question:
    """`words` in their order, each once; `wants_time` and `wants_person` tell the kind of answer."""

    text: str
    words: tuple[Word, ...]
    wants_time: bool
    wants_person: bool

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(term for word in self.words for term in word.terms))


def analyse(text: str, languages: Sequence[str]) -> Question:
    """Analyse a question in every language given: a short text is no safe ground to choose one."""
    spellings: dict[tuple[int, int], str] = {}
    terms: dict[tuple[int, int], dict[str, None]] = {}
    for language in languages:
        for token in tokenize(text, language):
            spellings.setdefault((token.start, token.end), token.word)
            terms.setdefault((token.start, token.end), {})[token.term] = None
    lexicons = _lexicons(text, spellings.values(), languages)
    content = _content(text, spellings, lexicons)
    words: dict[tuple[str, ...], Word] = {}
    for (start, end), found in sorted(terms.items()):
        named = text[start].isdigit() or (start > 0 and text[start].isupper())
        spelling = spellings[start, end]
        word = Word(start, end, spelling, tuple(found), content=(start, end) in content, named=named)
        words.setdefault(word.terms, word)
    return Question(
        text,
        tuple(words.values()),
        wants_time=any(_found(text, spellings.values(), lexicon.when) for lexicon in lexicons),
        wants_person=any(_found(text, spellings.values(), lexicon.who) for lexicon in lexicons),
    )


def following(question: Question, earlier: Question) -> Question:
    """Let a question lean on the one before it ("and who supports him?").

    All that it takes from there weighs half a word of its own, or everything when it has none.
    """
    said = {word.terms for word in question.words}
    taken = [word for word in earlier.words if word.content and word.terms not in said]
    weight = 0.5 / max(len(taken), 1) if any(word.content for word in question.words) else 1.0
    return replace(question, words=(*question.words, *(replace(word, weight=weight) for word in taken)))


def corrected(question: Question, corrections: Mapping[str, str], languages: Sequence[str]) -> Question:
    """Let misspelt words count as what they were meant to be; `corrections` gives that by folded spelling."""
    words = tuple(
        replace(word, terms=(*word.terms, *analyse(corrections[word.text], languages).terms))
        if word.text in corrections
        else word
        for word in question.words
    )
    return replace(question, words=words)


def _lexicons(text: str, words: Iterable[str], languages: Sequence[str]) -> list[Lexicon]:
    """Choose the lexicons that know most of the question: what joins in one language may name in another."""
    known = [LEXICONS[language] for language in languages if language in LEXICONS]
    counts = [len(_found(text, words, lexicon.function_words)) for lexicon in known]
    return [lexicon for lexicon, count in zip(known, counts, strict=True) if count and count == max(counts)]


def _found(text: str, words: Iterable[str], wanted: frozenset[str]) -> set[str]:
    return {*wanted.intersection(words), *(word for word in wanted if is_unspaced(word) and word in text)}


def _content(
    text: str, spellings: Mapping[tuple[int, int], str], lexicons: Sequence[Lexicon]
) -> set[tuple[int, int]]:
    """Find where the words stand that name something."""
    function_words: frozenset[str] = frozenset().union(*(lexicon.function_words for lexicon in lexicons))
    phrases = _found(text, (), function_words)
    covered = [match.span() for phrase in phrases for match in regex.finditer(regex.escape(phrase), text)]
    return {
        (start, end)
        for (start, end), word in spellings.items()
        if word not in function_words and not any(a <= start and end <= b for a, b in covered)
    }
