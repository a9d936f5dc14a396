"""The settings, mappings and metadata of an index in a cluster, and its queries.

Each passage is an OpenSearch document with the digests of its terms, in their order. So is the record of each
file of the documents folder. The metadata of the index is in its `_meta`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.index.bm25 import K1, B
from retrieval.index.manifest import format_id
from retrieval.model import Problem

# Increase it when the layout of what is stored changes: indexes are then rebuilt.
FORMAT_VERSION = 3
# OpenSearch allows 1,024 clauses in a query.
MAX_TERMS_PER_QUERY = 1_000
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)
_TERM_CHARS = 11

# The id of the document with the vector sample, if the passages have vectors.
SAMPLE_ID = "sample"

PASSAGES_FILTER: Mapping[str, Any] = {"exists": {"field": "n"}}
FILE_RECORDS_FILTER: Mapping[str, Any] = {"exists": {"field": "name"}}


@dataclass(frozen=True, slots=True)
class IndexMetadata:
    """The `_meta` of an index.

    `alias` marks the index as ours. `base` is the index that `alias` pointed to when this one was begun. The
    fields from `size` to `version` are set when the index is `done`; `length` is in tokens. `model` is the
    name of the encoder of the stored vectors, empty if there are none.
    """

    alias: str
    shards: int
    quote_chars: int
    base: str | None = None
    format: int = FORMAT_VERSION
    format_id: str = ""
    done: bool = False
    size: int = 0
    length: int = 0
    languages: tuple[str, ...] = ()
    version: str = ""
    problems: tuple[Problem, ...] = ()
    model: str = ""

    @classmethod
    def new(cls, alias: str, shards: int, quote_chars: int, model: str) -> Self:
        return cls(alias, shards, quote_chars, format=FORMAT_VERSION, format_id=format_id(), model=model)

    @classmethod
    def read(cls, meta: Mapping[str, Any]) -> Self | None:
        """Return the metadata, or None for an index that is not ours or of another format."""
        if meta.get("format") != FORMAT_VERSION:
            return None
        try:
            problems = tuple(Problem(*row) for row in meta["problems"])
            return cls(**{**meta, "languages": tuple(meta["languages"]), "problems": problems})
        except (LookupError, TypeError):
            return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"problems": [[problem.name, problem.reason] for problem in self.problems]}

    def fits(self, other: "IndexMetadata") -> bool:
        """Return whether passages of the other index can be copied into this one unchanged."""
        mine = (self.alias, self.shards, self.quote_chars, self.format, self.format_id, self.model)
        return mine == (
            other.alias,
            other.shards,
            other.quote_chars,
            other.format,
            other.format_id,
            other.model,
        )


def index_definition(metadata: IndexMetadata) -> dict[str, Any]:
    """Return the settings and mappings of a new index."""
    return {
        "settings": {
            "number_of_shards": metadata.shards,
            **BULK_LOAD_SETTINGS,
            "similarity": {"ours": {"type": "BM25", "k1": K1, "b": B}},
        },
        "mappings": {
            "dynamic": "strict",
            # Passages are stored once, in `b`. Sources, even temporary ones, triple the disk space.
            "_source": {"enabled": False, "recovery_source_enabled": False},
            "_meta": metadata.to_json(),
            "properties": {
                "document": {"type": "keyword"},
                "n": {"type": "integer"},
                "tokens": {"type": "integer"},
                "language": {"type": "keyword"},
                "terms": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "similarity": "ours",
                    "index_options": "freqs",
                },
                "context": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "index_options": "docs",
                    "norms": False,
                },
                # The document's name, which orders passages of equal scores.
                "path": {"type": "keyword", "index": False},
                "b": {"type": "binary", "store": True},
                "name": {"type": "keyword"},
                "words": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "index_options": "docs",
                    "norms": False,
                },
            },
        },
    }


# Replicas are made of the finished index; until then it is not searched.
BULK_LOAD_SETTINGS = {
    "number_of_replicas": 0,
    "auto_expand_replicas": False,
    "refresh_interval": "-1",
    "blocks.write": None,
    "merge.policy.expunge_deletes_allowed": 0,
}


def finished_settings(replicas: int) -> dict[str, Any]:
    """Return the settings of a finished index: read-only, with up to `replicas` replicas, one per node."""
    return {"index": {"auto_expand_replicas": f"0-{replicas}" if replicas else False, "blocks.write": True}}


def spell_terms(terms: NDArray[np.uint64]) -> list[str]:
    """Return the digests of terms as words of 11 characters, which the whitespace analyzer does not split."""
    shifts = np.arange(0, 6 * _TERM_CHARS, 6, dtype=np.uint64)
    characters = _ALPHABET[((terms[:, None] >> shifts) & np.uint64(63)).astype(np.intp)]
    text = characters.tobytes().decode("ascii")
    return [text[at : at + _TERM_CHARS] for at in range(0, len(text), _TERM_CHARS)]


def best_passages_query(terms: Sequence[str], size: int) -> dict[str, Any]:
    """Return a query for the passages with the best scores that have any of the terms; ties by place."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"bool": {"should": [{"term": {"terms": {"value": term}}} for term in terms]}},
        # Without it equal scores would be cut off in the order in which they were written.
        "sort": ["_score", "path", "n"],
        **STORED_FIELD_ONLY,
    }


def best_contexts_query(
    weights: Mapping[str, float], boosts: Mapping[str, float], size: int
) -> dict[str, Any]:
    """Return a query for the best passages of those whose context has any of the terms of `weights`.

    A term in the context adds its weight to the score; one in the text adds its BM25 score times its boost.
    """
    contexts = [
        {"constant_score": {"filter": {"term": {"context": term}}, "boost": weight}}
        for term, weight in weights.items()
    ]
    texts = [{"term": {"terms": {"value": term, "boost": boost}}} for term, boost in boosts.items()]
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"bool": {"must": {"bool": {"should": contexts}}, "should": texts}},
        "sort": ["_score", "path", "n"],
        **STORED_FIELD_ONLY,
    }


def count_query(field: str, term: str) -> dict[str, Any]:
    """Return a query for the number of passages that have a term in a field."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {field: {"value": term}}}}


def sample_query(size: int) -> dict[str, Any]:
    """Return a query for `size` random passages, the same ones each time."""
    random_score = {"random_score": {"seed": 1, "field": "_seq_no"}, "boost_mode": "replace"}
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"function_score": {"query": PASSAGES_FILTER, **random_score}},
        **STORED_FIELD_ONLY,
    }


def document_query(document: str, first: int, count: int) -> dict[str, Any]:
    """Return a query for `count` passages of a document, from the ordinal `first` on."""
    within = {"range": {"n": {"gte": first, "lt": first + count}}}
    return {
        "size": count,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"document": document}}, within]}},
        "sort": ["n"],
        **STORED_FIELD_ONLY,
    }


def id_query(identity: str) -> dict[str, Any]:
    """Return a query for the passage, file record or sample with this id."""
    return {
        "size": 1,
        "track_total_hits": False,
        "query": {"ids": {"values": [identity]}},
        **STORED_FIELD_ONLY,
    }


def file_records_query(after: str | None, size: int) -> dict[str, Any]:
    """Return a query for the file records that follow the name `after`, ordered by name."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": FILE_RECORDS_FILTER,
        "sort": ["name"],
        **({} if after is None else {"search_after": [after]}),
        **STORED_FIELD_ONLY,
    }


def suggest_query(words: Sequence[str]) -> dict[str, Any]:
    """Return a query for the words of documents within two edits of each of `words`."""
    rules = {
        "field": "words",
        "suggest_mode": "always",
        "prefix_length": 1,
        "min_word_length": 5,
        "max_edits": 2,
        "string_distance": "damerau_levenshtein",
        "sort": "score",
        "size": 20,
        "shard_size": 20,
        "accuracy": 0.5,
    }
    return {"size": 0, "suggest": {str(i): {"text": word, "term": rules} for i, word in enumerate(words)}}


STORED_FIELD_ONLY: Mapping[str, Any] = {"_source": False, "stored_fields": ["b"]}


def stored_field(hit: Mapping[str, Any]) -> str:
    """Return the content of a hit: `b` in base64."""
    return str(hit["fields"]["b"][0])
