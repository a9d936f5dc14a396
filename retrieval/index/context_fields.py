"""What stands around a passage and says what it is about: its file's name, its title and its headings.

These are searched as a field of their own: a heading is often the question itself, and a question often names
its document.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import regex

from retrieval.index import forward_index
from retrieval.index.arrays import RaggedArray
from retrieval.index.vocabulary import Vocabulary
from retrieval.model import Passage

# So many passages are added to the candidates for their contexts.
CONTEXTS = 16
# So many postings are gone through for that.
_MAX_POSTINGS = 50_000
_SEPARATORS = regex.compile(r"[/_\-+.]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})")


@lru_cache(maxsize=4_096)
def name_words(name: str) -> str:
    """Return the words of a file's path without its ending.

    `hr/AnnualReport2019.pdf` is `hr Annual Report 2019`.
    """
    stem, dot, _ = name.rpartition(".")
    return " ".join(_SEPARATORS.sub(" ", stem if dot else name).split())


def context_text(passage: Passage) -> str:
    """Return the file's name, the title and the headings of a passage, one below the other."""
    return "\n".join((name_words(passage.document), passage.title, *passage.heading))


def context_tokens(passages: Sequence[Passage]) -> tuple[Vocabulary, RaggedArray]:
    """Return the forms that occur in the contexts of passages, and a row of them a passage."""
    numbers: dict[tuple[str, str], int] = {}
    which = [numbers.setdefault((one.language, context_text(one)), len(numbers)) for one in passages]
    rows: list[list[int]] = [[] for _ in numbers]
    parts: list[Vocabulary] = []
    first = 0
    for language in dict.fromkeys(language for language, _ in numbers):
        own = {text: number for (other, text), number in numbers.items() if other == language}
        found = forward_index.tokenize_all(list(own), language)
        for row, number in enumerate(own.values()):
            rows[number] = (found.tokens.row(row) + first).tolist()
        parts.append(found.forms)
        first += len(found.forms)
    return Vocabulary.join(parts), RaggedArray.of([rows[number] for number in which])


def rarest(counts: Sequence[int]) -> list[int]:
    """Return the ordinals of the terms that contexts are searched for, the rarest first.

    `counts` tells in how many contexts each is. The rarest say most; what stands over nearly all passages
    tells none apart.
    """
    chosen: list[int] = []
    total = 0
    for count, ordinal in sorted((count, ordinal) for ordinal, count in enumerate(counts) if count):
        if chosen and total + count > _MAX_POSTINGS:
            break
        chosen.append(ordinal)
        total += count
    return chosen


def context_weight(count: int, size: int) -> float:
    """Return what a term weighs that is in the contexts of `count` of `size` passages."""
    return float(np.log((size + 1) / count))
