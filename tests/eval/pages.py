"""Whether the right page of a PDF is found, beside BM25 over whole pages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2
from rank_bm25 import BM25Okapi

from tests.eval.measures import TOP, Figures, Outcome, Question, mean

MEANINGS = {
    "document@1": "the first quote (page) is of the document that answers, shown or not",
    "page@5": "one of the first five is on a page that answers, shown or not",
}
# A document and a page of it, counted from 1.
Place = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class PageSearch:
    """BM25 over the pages of PDF files, each page the bag of its lower-cased words."""

    places: tuple[Place, ...]
    index: BM25Okapi

    @classmethod
    def read(cls, folder: Path, documents: Iterable[str]) -> "PageSearch":
        pages = {
            (name, number): _words(text)
            for name in sorted(documents)
            for number, text in enumerate(_texts(folder / name), 1)
        }
        return cls(tuple(pages), BM25Okapi(list(pages.values())))

    def search(self, question: str) -> list[Place]:
        """Return the first pages, best first."""
        scores = np.asarray(self.index.get_scores(_words(question)))
        return [self.places[number] for number in np.argsort(-scores, kind="stable")[:TOP]]


def of_answers(outcomes: Iterable[Outcome]) -> Figures:
    """Return the figures of MEANINGS for quotes."""
    return _figures([(outcome.question, _places(outcome)) for outcome in outcomes])


def of_pages(search: PageSearch, asked: Iterable[Question]) -> Figures:
    """Return the figures of MEANINGS for whole pages."""
    return _figures([(question, search.search(question.text)) for question in asked])


def _places(outcome: Outcome) -> list[Place]:
    return [(citation.document, citation.locator.page) for citation in outcome.answer.citations]


def _figures(found: Sequence[tuple[Question, Sequence[Place]]]) -> Figures:
    inside = [(question, places) for question, places in found if question.answers]
    return {
        "document@1": mean(any(q.document == name for name, _ in places[:1]) for q, places in inside),
        "page@5": mean(
            any(q.document == name and page in q.pages for name, page in places[:TOP]) for q, places in inside
        ),
    }


def _texts(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
