"""A saved index: arrays that are memory-mapped on opening, vocabularies and passages beside them.

Written beside its place and renamed into it as a whole, so a reader sees all of it or nothing. The manifest
holds every file's digest and its own: a damaged or outdated index is rebuilt, never trusted.
"""

import hashlib
import json
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from retrieval.model import Passage, Span
from retrieval.ranking.embedded import EmbeddedIndex
from retrieval.ranking.forward import Forward
from retrieval.ranking.postings import Postings

_MANIFEST = "manifest.json"
# What an index is made by: any change of these makes the saved ones outdated.
_CODE = ("model.py", "identity.py", "language.py", "sentences.py", "loading/*.py", "ranking/*.py")
_PACKAGES = (
    "charset-normalizer", "markdown-it-py", "numpy", "py3langid", "pypdfium2", "PyStemmer", "rank-bm25",
    "regex", "selectolax", "sentencex",
)  # fmt: skip
# A folder half written for longer than this was left by a process that died.
_ABANDONED = 3600
_UNUSABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError)

Part = TypeVar("Part")

_values = attrgetter(*(field.name for field in fields(Passage)))


@cache
def maker() -> str:
    """Name the code and the packages that make an index, by a digest of both."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(" ".join(map(version, _PACKAGES)).encode(), digest_size=16)
    for file in sorted(file for pattern in _CODE for file in package.glob(pattern)):
        digest.update(hashlib.blake2b(file.read_bytes()).digest())
    return digest.hexdigest()


def save(index: EmbeddedIndex, place: Path, about: dict[str, Any]) -> None:
    """Write the index to the folder `place`, with what else is to be known of it. Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        _write_part(index.postings, folder / "postings")
        _write_part(index.forward, folder / "forward")
        _write_json(folder / "passages.json", [_row(passage) for passage in index.passages])
        digests = {file.name: _digest(file) for file in sorted(folder.iterdir())}
        body = {"maker": maker(), "files": digests, "about": about}
        _write_json(folder / _MANIFEST, {**body, "digest": _digest_of(body)})
        _replace(place, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(place: Path) -> tuple[EmbeddedIndex, dict[str, Any]] | None:
    """Open the index saved in the folder `place`, or give None when it is missing, outdated or damaged."""
    try:
        manifest = _manifest(place)
        whole = manifest["maker"] == maker() and all(
            _digest(place / name) == digest for name, digest in manifest["files"].items()
        )
        if not whole:
            return None
        passages = [_passage(row) for row in _read_json(place / "passages.json")]
        postings = _read_part(Postings, place / "postings")
        forward = _read_part(Forward, place / "forward")
    except _UNUSABLE:
        return None
    return EmbeddedIndex(passages, postings, forward), manifest["about"]


def about(place: Path) -> dict[str, Any]:
    """Give what was noted when the index in `place` was saved; nothing when it cannot be read."""
    try:
        noted: dict[str, Any] = _manifest(place)["about"]
    except _UNUSABLE:
        return {}
    return noted


def is_being_written(folder: Path) -> bool:
    """Tell whether a folder beside the saved indexes is another process' work."""
    try:
        return folder.name.startswith(".") and time.time() - folder.stat().st_mtime < _ABANDONED
    except OSError:
        return False


def is_abandoned(folder: Path) -> bool:
    """Tell whether a folder beside the saved indexes was left half written."""
    return folder.name.startswith((".new-", ".old-")) and not is_being_written(folder)


def _replace(place: Path, folder: Path) -> None:
    """Rename the folder to its place. What stood there is moved aside first: a folder is not written over.

    When another process gets there in between, its index stays: it was made from the same documents.
    """
    if place.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=place.parent))
        with suppress(OSError):
            place.rename(aside / place.name)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(place)
    except OSError:
        if not (place / _MANIFEST).exists():
            raise


def _manifest(place: Path) -> dict[str, Any]:
    """Read the manifest. Raises ValueError when it is not as it was written."""
    manifest: dict[str, Any] = _read_json(place / _MANIFEST)
    if manifest.pop("digest") != _digest_of(manifest):
        raise ValueError("the manifest is damaged")
    return manifest


def _row(passage: Passage) -> list[Any]:
    identity, document, title, span, *rest = _values(passage)
    return [identity, document, title, [span.start, span.end], *rest]


def _passage(row: list[Any]) -> Passage:
    identity, document, title, span, text, heading, *rest = row
    return Passage(identity, document, title, Span(*span), text, tuple(heading), *rest)


def _write_part(part: Any, path: Path) -> None:
    """Write a dataclass of arrays, vocabularies, numbers and such dataclasses, a file a field."""
    for field in fields(part):
        value, file = getattr(part, field.name), path.with_name(f"{path.name}.{field.name}")
        if isinstance(value, np.ndarray):
            np.save(f"{file}.npy", value)
        elif is_dataclass(value):
            _write_part(value, file)
        else:
            _write_json(Path(f"{file}.json"), list(value) if isinstance(value, dict) else value)


def _read_part(kind: type[Part], path: Path) -> Part:
    values: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        file = path.with_name(f"{path.name}.{name}")
        if is_dataclass(hint) and isinstance(hint, type):
            values[name] = _read_part(hint, file)
        elif Path(f"{file}.npy").exists():
            values[name] = np.load(f"{file}.npy", mmap_mode="r")
        else:
            value = _read_json(Path(f"{file}.json"))
            values[name] = {term: row for row, term in enumerate(value)} if isinstance(value, list) else value
    return kind(**values)


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")), encoding="ascii")


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="ascii"))


def _digest_of(body: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()[:32]
