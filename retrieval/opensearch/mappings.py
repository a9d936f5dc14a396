"""What an index in a cluster is made of: its settings, its fields, and the questions it is asked.

A passage is a document of the cluster's with the digests of its terms, in its order; a file of the documents
folder is another one, which tells what became of it. What we say of the index as a whole is in its `_meta`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.index.bm25 import K1, B
from retrieval.index.manifest import format_id
from retrieval.model import Problem

# Another one whenever what is stored is laid out differently: then an index is made anew.
FORMAT = 3
# The cluster takes at most 1,024 in one question.
MOST_TERMS = 1_000
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)
_LETTERS = 11

# The id of a document that is a sample of the vectors, where there are any.
SAMPLE = "sample"

PASSAGES: Mapping[str, Any] = {"exists": {"field": "n"}}
RECORDS: Mapping[str, Any] = {"exists": {"field": "name"}}


@dataclass(frozen=True, slots=True)
class IndexMetadata:
    """What is said of an index: by what it was made, from which other one, and when it is `done`, of what.

    `alias` marks it as ours. `length` is in tokens. `model` is the name of the encoder that made the vectors
    stored with the passages, empty where there are none.
    """

    alias: str
    shards: int
    quote_chars: int
    base: str | None = None
    format: int = FORMAT
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
        return cls(alias, shards, quote_chars, format=FORMAT, format_id=format_id(), model=model)

    @classmethod
    def read(cls, meta: Mapping[str, Any]) -> Self | None:
        """Read what was kept; None for what is not ours, or laid out in another way."""
        if meta.get("format") != FORMAT:
            return None
        try:
            problems = tuple(Problem(*row) for row in meta["problems"])
            return cls(**{**meta, "languages": tuple(meta["languages"]), "problems": problems})
        except (LookupError, TypeError):
            return None

    def kept(self) -> dict[str, Any]:
        return asdict(self) | {"problems": [[one.name, one.reason] for one in self.problems]}

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


def creation(about: IndexMetadata) -> dict[str, Any]:
    """Return the settings and mappings of a new index."""
    return {
        "settings": {
            "number_of_shards": about.shards,
            **LOADING,
            "similarity": {"ours": {"type": "BM25", "k1": K1, "b": B}},
        },
        "mappings": {
            "dynamic": "strict",
            # Passages are kept once, in `b`; what else is kept for a while takes three times the disk.
            "_source": {"enabled": False, "recovery_source_enabled": False},
            "_meta": about.kept(),
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
                # The document's name, by which equals are ordered.
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


# Copies are made of the finished index; until then nobody searches it.
LOADING = {
    "number_of_replicas": 0,
    "auto_expand_replicas": False,
    "refresh_interval": "-1",
    "blocks.write": None,
    "merge.policy.expunge_deletes_allowed": 0,
}


def loaded(replicas: int) -> dict[str, Any]:
    """Return the settings of a finished index: up to `replicas` copies, as far as there are nodes."""
    return {"index": {"auto_expand_replicas": f"0-{replicas}" if replicas else False, "blocks.write": True}}


def spelt(terms: NDArray[np.uint64]) -> list[str]:
    """Spell the digests of terms as words that the cluster leaves as they are."""
    shifts = np.arange(0, 6 * _LETTERS, 6, dtype=np.uint64)
    letters = _ALPHABET[((terms[:, None] >> shifts) & np.uint64(63)).astype(np.intp)]
    text = letters.tobytes().decode("ascii")
    return [text[at : at + _LETTERS] for at in range(0, len(text), _LETTERS)]


def best(terms: Sequence[str], size: int) -> dict[str, Any]:
    """Ask for the passages with the best scores by any of the terms."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"bool": {"should": [{"term": {"terms": {"value": term}}} for term in terms]}},
        **STORED,
    }


def best_contexts(weights: Mapping[str, float], boosts: Mapping[str, float], size: int) -> dict[str, Any]:
    """Ask for the passages with the best contexts and texts together, of those whose context holds a term.

    A term in the context adds its weight, one in the text its score times its boost.
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
        **STORED,
    }


def counted(field: str, term: str) -> dict[str, Any]:
    """Ask how many passages hold a term in a field."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {field: {"value": term}}}}


def sample(size: int) -> dict[str, Any]:
    """Ask for so many passages, drawn by lot."""
    by_lot = {"random_score": {"seed": 1, "field": "_seq_no"}, "boost_mode": "replace"}
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"function_score": {"query": PASSAGES, **by_lot}},
        **STORED,
    }


def of_document(document: str, first: int, count: int) -> dict[str, Any]:
    """Ask for neighbouring passages of a document, from the ordinal `first` on."""
    within = {"range": {"n": {"gte": first, "lt": first + count}}}
    return {
        "size": count,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"document": document}}, within]}},
        "sort": ["n"],
        **STORED,
    }


def by_id(identity: str) -> dict[str, Any]:
    """Ask for one passage or file."""
    return {"size": 1, "track_total_hits": False, "query": {"ids": {"values": [identity]}}, **STORED}


def records(after: str | None, size: int) -> dict[str, Any]:
    """Ask what became of the files, in the order of their names, after one."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": RECORDS,
        "sort": ["name"],
        **({} if after is None else {"search_after": [after]}),
        **STORED,
    }


def near(words: Sequence[str]) -> dict[str, Any]:
    """Ask for the documents' words within two slips of each of some words."""
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


STORED: Mapping[str, Any] = {"_source": False, "stored_fields": ["b"]}


def stored(hit: Mapping[str, Any]) -> str:
    """Return the stored bytes of a hit, in base64."""
    return str(hit["fields"]["b"][0])
