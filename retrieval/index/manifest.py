"""A saved index: its segments, and a manifest that says which they are.

A segment never changes; what does is the manifest, which is written beside its place and renamed into it, so
that a reader sees the old index or the new one. It holds its own digest, and
the sizes and digests of the segments: a damaged or outdated index is made anew, never trusted.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from retrieval.embeddings.vector_store import FILE_NAME as VECTORS
from retrieval.errors import DamagedError
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment, Segment

_MANIFEST = "manifest.json"
# Increase this when the same files would be indexed differently: other text, passages, tokens or arrays.
# Saved indexes of another version are rebuilt.
FORMAT_VERSION = 1
# Their versions count as well: each changes what is read or how it is tokenised.
_PACKAGES = (
    "charset-normalizer", "markdown-it-py", "numpy", "py3langid", "pypdfium2", "PyStemmer", "rank-bm25",
    "regex", "selectolax", "sentencex",
)  # fmt: skip
# What was half written longer ago than this was left by a process that died.
_ABANDONED = 3600
# Larger segments would take longer to read than opening may; they are on the disk before the manifest is.
_SMALL = 16 * 1024**2
_UNUSABLE = (DamagedError, OSError, ValueError, LookupError, TypeError, AttributeError, EOFError)


@cache
def format_id() -> str:
    """Return a digest of FORMAT_VERSION and of the packages that decide what an index holds."""
    parts = [str(FORMAT_VERSION), *map(version, _PACKAGES)]
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()


def save(index: LocalIndex, place: Path, about: dict[str, Any]) -> None:
    """Save the index in the folder `place`, with what else is to be known of it. Raises OSError.

    Segments that are not there yet are copied; those that only the index saved before had are deleted.
    """
    place.mkdir(parents=True, exist_ok=True)
    before = {row["file"]: row for row in _read(place).get("segments", [])}
    rows = [
        {"gone": sorted(leaf.gone), **_noted(_settle(leaf.segment, place), before)} for leaf in index.leaves
    ]
    body = json.dumps({"format": format_id(), "segments": rows, "about": about}).encode()
    with tempfile.NamedTemporaryFile(dir=place, prefix=".new-", delete=False) as file:
        file.write(body + b"\n" + _digest_of(body))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(place / _MANIFEST)
    # Another process may have saved meanwhile, and use what ours does not.
    named = {row["file"] for row in [*rows, *_read(place).get("segments", [])]}
    for path in place.iterdir():
        if (
            path.name not in {_MANIFEST, VECTORS}
            and path.name not in named
            and (path.name in before or _is_old(path))
        ):
            path.unlink(missing_ok=True)


def load(place: Path, *, thorough: bool = False) -> tuple[LocalIndex, dict[str, Any]] | None:
    """Open the index saved in the folder `place`, or give None when it is missing, outdated or damaged.

    Large segments are read through, which takes a second for each gigabyte, only if that is to be `thorough`.
    """
    try:
        manifest = _read(place)
        if manifest["format"] != format_id():
            return None
        leaves = [_leaf(place, row, thorough) for row in manifest["segments"]]
    except _UNUSABLE:
        return None
    return LocalIndex(leaves), manifest["about"]


def read_metadata(place: Path) -> dict[str, Any]:
    """Give what was noted when the index in `place` was saved; nothing when it cannot be read."""
    noted: dict[str, Any] = _read(place).get("about", {})
    return noted


def delete_stale(places: Path, keep: Path) -> None:
    """Delete the saved indexes of folders that are gone, and what was left half written. Raises OSError."""
    for place in places.iterdir():
        of = read_metadata(place).get("folder")
        is_left = place.name.startswith(".new-") and _is_old(place)
        if place != keep and (is_left or (of is not None and not Path(of).is_dir())):
            shutil.rmtree(place, ignore_errors=True)


def _leaf(place: Path, row: dict[str, Any], thorough: bool) -> LiveSegment:
    path = place / row["file"]
    size = path.stat().st_size
    if size != row["size"] or ((thorough or size <= _SMALL) and _digest(path) != row["digest"]):
        raise ValueError(f"{path}: is not what was saved")
    return LiveSegment(Segment(path), frozenset(row["gone"]))


def _noted(path: Path, before: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Tell a segment's size and digest, which never change."""
    if path.name in before:
        return {name: before[path.name][name] for name in ("file", "size", "digest")}
    return {"file": path.name, "size": path.stat().st_size, "digest": _digest(path)}


def _settle(segment: Segment, place: Path) -> Path:
    """Have a segment on the disk in the folder, whatever became of its own file meanwhile."""
    path = place / segment.path.name
    if not (path.exists() and segment.path.parent == place):
        segment.columns.copy(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _read(place: Path) -> dict[str, Any]:
    """Read the manifest; nothing when it is not as it was written."""
    try:
        body, _, digest = (place / _MANIFEST).read_bytes().rpartition(b"\n")
        manifest: dict[str, Any] = json.loads(body) if digest == _digest_of(body) else {}
    except _UNUSABLE:
        return {}
    return manifest


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED
    except OSError:
        return False


def _digest_of(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
