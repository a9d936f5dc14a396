"""What both kinds of index are asked, and how what they give is compared."""

import json
from pathlib import Path
from typing import Any

from retrieval.index.context_fields import context_text
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.local_index import LocalIndex
from retrieval.index.tokenizer import tokenize
from retrieval.opensearch import ClusterLibrary
from retrieval.opensearch.search_index import OpenSearchIndex
from tests.retrieval.corpus import all_passages, forward_rows

EVAL = Path(__file__).parents[1] / "eval" / "documents"


def questions() -> list[tuple[str, str]]:
    """Return the questions of the evaluation, and their ids."""
    lines = (EVAL.parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["question"], row["id"]) for row in map(json.loads, lines)]


def index_of(library: ClusterLibrary) -> OpenSearchIndex:
    return library.snapshot.index


def terms_of(index: LocalIndex) -> list[str]:
    """Return the terms of all passages."""
    return sorted({token.term for one in all_passages(index) for token in tokenize(one.text, one.language)})


def context_terms_of(index: LocalIndex) -> list[str]:
    """Return the terms of the titles, headings and file names of all passages."""
    return sorted(
        {token.term for one in all_passages(index) for token in tokenize(context_text(one), one.language)}
    )


def without_names(forward: ForwardIndex) -> list[Any]:
    """Return what is known of each passage but for the names of its forms."""
    return [row[1:] for row in forward_rows(forward)]
