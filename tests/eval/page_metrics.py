"""Metrics of finding the right page of a PDF, for quotes and for BM25 over whole pages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2
from rank_bm25 import BM25Okapi

from tests.eval.metrics import QUOTES_PER_ANSWER, Metrics, Outcome, Question, mean

DESCRIPTIONS = {
    "document@1": "the first quote (page) is from the right document, shown or not",
    "page@5": "one of the first five quotes (pages) is from a right page, shown or not",
}
# A document and its page, from 1.
PagePosition = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class PageSearch:
    """BM25 over the pages of PDF files, each a bag of lower-cased words."""

    positions: tuple[PagePosition, ...]
    index: BM25Okapi

    @classmethod
    def read(cls, folder: Path, documents: Iterable[str]) -> "PageSearch":
        pages = {
            (name, number): _tokenize(text)
            for name in sorted(documents)
            for number, text in enumerate(_page_texts(folder / name), 1)
        }
        return cls(tuple(pages), BM25Okapi(list(pages.values())))

    def search(self, question: str) -> list[PagePosition]:
        """Return the five best pages, best first."""
        scores = np.asarray(self.index.get_scores(_tokenize(question)))
        return [self.positions[number] for number in np.argsort(-scores, kind="stable")[:QUOTES_PER_ANSWER]]


def quote_metrics(outcomes: Iterable[Outcome]) -> Metrics:
    """Return the metrics of DESCRIPTIONS for quotes."""
    return _compute_metrics([(outcome.question, _positions(outcome)) for outcome in outcomes])


def bm25_metrics(search: PageSearch, questions: Iterable[Question]) -> Metrics:
    """Return the metrics of DESCRIPTIONS for whole pages."""
    return _compute_metrics([(question, search.search(question.text)) for question in questions])


def _positions(outcome: Outcome) -> list[PagePosition]:
    return [(citation.document_name, citation.locator.page) for citation in outcome.answer.citations]


def _compute_metrics(results: Sequence[tuple[Question, Sequence[PagePosition]]]) -> Metrics:
    answerable = [(question, positions) for question, positions in results if question.answers]
    return {
        "document@1": mean(
            any(name == question.document_name for name, _ in positions[:1])
            for question, positions in answerable
        ),
        "page@5": mean(
            any(
                name == question.document_name and page in question.pages
                for name, page in positions[:QUOTES_PER_ANSWER]
            )
            for question, positions in answerable
        ),
    }


def _page_texts(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def _tokenize(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
