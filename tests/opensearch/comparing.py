"""What both kinds of index are asked, and how what they give is compared."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.cluster.index import OpenSearchIndex
from retrieval.opensearch import ClusterLibrary
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.embedded import EmbeddedIndex
from retrieval.ranking.forward import Forward
from tests.retrieval.corpus import rows

EVAL = Path(__file__).parents[1] / "eval" / "documents"


def questions() -> list[tuple[str, str]]:
    """Give the questions of the evaluation, and their ids."""
    lines = (EVAL.parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["question"], row["id"]) for row in map(json.loads, lines)]


def index_of(library: ClusterLibrary) -> OpenSearchIndex:
    return library._edition.index


def terms_of(index: EmbeddedIndex) -> list[str]:
    """Give the terms of all passages."""
    passages = [
        passage
        for leaf in index.leaves
        for passage in leaf.segment.passages(np.flatnonzero(leaf.kept).tolist())
    ]
    return sorted({token.term for one in passages for token in tokenize(one.text, one.language)})


def without_names(forward: Forward) -> list[Any]:
    """Give what is known of each passage but for the names of its forms."""
    return [row[1:] for row in rows(forward)]
