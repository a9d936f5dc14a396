"""Questions and terms to search an index on this machine and one in a cluster for."""

import json
from pathlib import Path
from typing import Any

from retrieval.index.forward_index import ForwardIndex, heading_text
from retrieval.index.local_index import LocalIndex
from retrieval.language import tokenize
from retrieval.opensearch import ClusterLibrary
from retrieval.opensearch.cluster_library import OpenSearchIndex
from tests.retrieval.corpus import all_passages, forward_rows

EVAL_DOCUMENTS = Path(__file__).parents[1] / "eval" / "documents"


def questions() -> list[tuple[str, str]]:
    """Return the questions of the evaluation, and their ids."""
    lines = (EVAL_DOCUMENTS.parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["question"], row["id"]) for row in map(json.loads, lines)]


def cluster_index(library: ClusterLibrary) -> OpenSearchIndex:
    return library.snapshot.index


def text_terms(index: LocalIndex) -> list[str]:
    """Return the terms in the texts of all passages."""
    return sorted(
        {token.term for passage in all_passages(index) for token in tokenize(passage.text, passage.language)}
    )


def heading_terms(index: LocalIndex) -> list[str]:
    """Return the terms of the titles, headings and file names of all passages."""
    return sorted(
        {
            token.term
            for passage in all_passages(index)
            for token in tokenize(heading_text(passage), passage.language)
        }
    )


def rows_without_names(forward: ForwardIndex) -> list[Any]:
    """Return the rows of a forward index without the names of forms, which a cluster does not store."""
    return [row[1:] for row in forward_rows(forward)]
