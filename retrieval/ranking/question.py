"""A question as ranking sees it: its words, each with the terms it may be in the documents' languages."""

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.ranking.analysis import tokenize
from retrieval.ranking.function_words import FUNCTION_WORDS


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a question: where it stands in it, its folded spelling, and its terms."""

    start: int
    end: int
    text: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """`words` are those that carry the question; when it has function words only, all of them."""

    text: str
    words: tuple[Word, ...]

    @property
    def terms(self) -> list[str]:
        return list(dict.fromkeys(term for word in self.words for term in word.terms))


def analyse(text: str, languages: Sequence[str]) -> Question:
    """Analyse a question in every language given: a short text is no safe ground to choose one."""
    terms: dict[tuple[int, int, str], dict[str, None]] = {}
    for language in languages:
        for token in tokenize(text, language):
            terms.setdefault((token.start, token.end, token.word), {})[token.term] = None
    words: dict[tuple[str, ...], Word] = {}
    for (start, end, word), found in sorted(terms.items()):
        words.setdefault(tuple(found), Word(start, end, word, tuple(found)))
    content = tuple(word for word in words.values() if word.text not in FUNCTION_WORDS)
    return Question(text, content or tuple(words.values()))
