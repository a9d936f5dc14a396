"""The settings, field mappings and metadata of an index in a cluster.

Each passage is an OpenSearch document with the digests of its terms, in their order. So is the record of each
file of the documents folder. The metadata of the index is in its `_meta`.
"""

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ProblemKind
from retrieval.index.inverted_index import K1, B
from retrieval.index.manifest import format_id
from retrieval.model import Problem

# Increase it when the layout of what is stored changes: indexes are then rebuilt.
FORMAT_VERSION = 6
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)
_TERM_CHARS = 11

# The id of the document with the vector sample, if the passages have vectors.
SAMPLE_ID = "sample"

PASSAGES_FILTER: Mapping[str, Any] = {"exists": {"field": "n"}}


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
            problems = tuple(
                Problem(name, reason, ProblemKind(kind), *rest)
                for name, reason, kind, *rest in meta["problems"]
            )
            return cls(**{**meta, "languages": tuple(meta["languages"]), "problems": problems})
        except (LookupError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"problems": [astuple(problem) for problem in self.problems]}

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
                # The heading fields.
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


STORED_FIELD_ONLY: Mapping[str, Any] = {"_source": False, "stored_fields": ["b"]}


def stored_field(hit: Mapping[str, Any]) -> str:
    """Return the content of a hit: `b` in base64."""
    return str(hit["fields"]["b"][0])
