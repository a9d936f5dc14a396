"""Words of a question that do not name its subject: question words, function words, small talk.

They weigh little in a query. Documents are indexed with them: without them, 3 % of the first hits are lost.
The lists are in stopwords.toml, which a speaker of a language can edit.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


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
