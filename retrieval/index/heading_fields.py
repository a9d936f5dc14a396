"""The heading fields of a passage: its file name, its title and its headings.

They are searched apart from the text: a heading is often the question itself, and a question often names
its document.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import regex

from retrieval.index import forward_index
from retrieval.index.arrays import RaggedArray
from retrieval.index.vocabulary import Vocabulary
from retrieval.model.document import Passage

# Passages that match by their heading fields and are added to the candidates.
MAX_HEADING_CANDIDATES = 16
# Context postings read for a question, unless its rarest term alone has more.
_MAX_POSTINGS = 50_000
_SEPARATORS = regex.compile(r"[/_\-+.]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})")


@lru_cache(maxsize=4_096)
def name_words(name: str) -> str:
    """Return the words of a file's path without its extension.

    `hr/AnnualReport2019.pdf` gives `hr Annual Report 2019`.
    """
    stem, dot, _ = name.rpartition(".")
    return " ".join(_SEPARATORS.sub(" ", stem if dot else name).split())


def heading_text(passage: Passage) -> str:
    """Return the file name, the title and the headings of a passage, one per line."""
    return "\n".join((name_words(passage.document), passage.title, *passage.heading))


def heading_tokens(passages: Sequence[Passage]) -> tuple[Vocabulary, RaggedArray]:
    """Return the forms in the heading fields of passages, and a row of form numbers for each passage."""
    numbers: dict[tuple[str, str], int] = {}
    fields = [
        numbers.setdefault((passage.language, heading_text(passage)), len(numbers)) for passage in passages
    ]
    rows: list[list[int]] = [[] for _ in numbers]
    parts: list[Vocabulary] = []
    first = 0
    for language in dict.fromkeys(language for language, _ in numbers):
        own = {text: number for (other, text), number in numbers.items() if other == language}
        tokenized = forward_index.tokenize_all(list(own), language)
        for row, number in enumerate(own.values()):
            rows[number] = (tokenized.tokens.row(row) + first).tolist()
        parts.append(tokenized.vocabulary)
        first += len(tokenized.vocabulary)
    return Vocabulary.join(parts), RaggedArray.from_rows([rows[number] for number in fields])


def rarest_terms(counts: Sequence[int]) -> list[int]:
    """Return the indexes of the terms to search heading fields for, rarest first.

    `counts` is how many passages have each term in their heading fields. Rare terms discriminate best; a
    term in the heading fields of nearly all passages hardly does.
    """
    chosen: list[int] = []
    total = 0
    for count, ordinal in sorted((count, ordinal) for ordinal, count in enumerate(counts) if count):
        if chosen and total + count > _MAX_POSTINGS:
            break
        chosen.append(ordinal)
        total += count
    return chosen


def heading_weight(count: int, size: int) -> float:
    """Return the weight of a term that is in the heading fields of `count` of `size` passages."""
    return float(np.log((size + 1) / count))
