"""A saved index: arrays that are memory-mapped on opening, vocabularies and passages beside them.

Written beside its place and renamed into it as a whole, so a reader sees all of it or nothing. Every file's
digest stands in the manifest: a damaged or outdated index is rebuilt, never trusted.
"""

import dataclasses
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from retrieval.model import Passage, Span
from retrieval.ranking.embedded import EmbeddedIndex
from retrieval.ranking.forward import Forward
from retrieval.ranking.postings import Postings

# Counts up whenever analysis, passages or these files change their meaning.
VERSION = 2
_MANIFEST = "manifest.json"

Part = TypeVar("Part")


def save(index: EmbeddedIndex, place: Path, about: dict[str, Any]) -> None:
    """Write the index to the folder `place`, with what else is to be known of it. Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        _write_part(index.postings, folder / "postings")
        _write_part(index.forward, folder / "forward")
        rows = [dataclasses.astuple(passage) for passage in index.passages]
        _write_json(folder / "passages.json", rows)
        digests = {file.name: _digest(file) for file in sorted(folder.iterdir())}
        _write_json(folder / _MANIFEST, {"version": VERSION, "files": digests, "about": about})
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def load(place: Path) -> tuple[EmbeddedIndex, dict[str, Any]] | None:
    """Open the index saved in the folder `place`, or give None when it is missing, outdated or damaged."""
    try:
        manifest = _read_json(place / _MANIFEST)
        whole = manifest["version"] == VERSION and all(
            _digest(place / name) == digest for name, digest in manifest["files"].items()
        )
        if not whole:
            return None
        passages = [_passage(row) for row in _read_json(place / "passages.json")]
        postings = _read_part(Postings, place / "postings")
        forward = _read_part(Forward, place / "forward")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return EmbeddedIndex(passages, postings, forward), manifest["about"]


def about(place: Path) -> dict[str, Any]:
    """Give what was noted when the index in `place` was saved; nothing when it cannot be read."""
    try:
        noted: dict[str, Any] = _read_json(place / _MANIFEST)["about"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return noted


def _passage(row: list[Any]) -> Passage:
    identity, document, title, span, text, heading, *rest = row
    return Passage(identity, document, title, Span(*span), text, tuple(heading), *rest)


def _write_part(part: Any, path: Path) -> None:
    """Write a dataclass of arrays, vocabularies, numbers and such dataclasses, a file a field."""
    for field in dataclasses.fields(part):
        value, file = getattr(part, field.name), path.with_name(f"{path.name}.{field.name}")
        if isinstance(value, np.ndarray):
            np.save(f"{file}.npy", value)
        elif dataclasses.is_dataclass(value):
            _write_part(value, file)
        else:
            _write_json(Path(f"{file}.json"), list(value) if isinstance(value, dict) else value)


def _read_part(kind: type[Part], path: Path) -> Part:
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        file = path.with_name(f"{path.name}.{name}")
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            fields[name] = _read_part(hint, file)
        elif Path(f"{file}.npy").exists():
            fields[name] = np.load(f"{file}.npy", mmap_mode="r")
        else:
            value = _read_json(Path(f"{file}.json"))
            fields[name] = {term: row for row, term in enumerate(value)} if isinstance(value, list) else value
    return kind(**fields)


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")), encoding="ascii")


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="ascii"))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()[:32]
