"""A saved index: its segments, and a manifest that lists them.

Segments never change, only the manifest does. It is written to a temporary file and renamed into place, so
that a reader sees either the old index or the new one. The manifest has its own digest, and the sizes and
digests of the segments: a damaged or outdated index is rebuilt, never trusted.
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

from retrieval.embeddings.vector_store import CODES_FILE_NAME, FILE_NAME
from retrieval.errors import DamagedError
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment, Segment
from retrieval.ocr.scanned_page import FOLDER_NAME

MANIFEST = "manifest.json"
# Files next to the segments that no manifest lists.
_KEPT_FILES = {MANIFEST, FILE_NAME, CODES_FILE_NAME, FOLDER_NAME}
# Increase this when the same files would be indexed differently: other text, passages, tokens or arrays.
# Saved indexes of another version are rebuilt.
FORMAT_VERSION = 8
# A new version of one of these may read text differently, or tokenise it differently.
_PACKAGES = (
    "charset-normalizer", "docutils", "markdown-it-py", "numpy", "py3langid", "pylatexenc", "pypdfium2",
    "PyStemmer", "python-oxmsg", "PyYAML", "rank-bm25", "regex", "selectolax", "sentencex", "striprtf",
    "xlrd",
)  # fmt: skip
# Unfinished files older than this were left by a process that died.
_ABANDONED_AFTER_SECONDS = 3600
# Reading larger segments would make opening slow, so their digests are not checked then. They are synced to
# disk before the manifest is written.
_MAX_VERIFIED_BYTES = 16 * 1024**2
# Damage may turn a length into terabytes.
_READ_ERRORS = (
    DamagedError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    OverflowError,
)


@cache
def format_id() -> str:
    """Return a digest of FORMAT_VERSION and of the packages that decide what is in an index."""
    parts = [str(FORMAT_VERSION), *map(version, _PACKAGES)]
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()


def save_index(index: LocalIndex, index_dir: Path, metadata: dict[str, Any]) -> None:
    """Save the index, and `metadata` (any JSON), in the folder `index_dir`. Raises OSError.

    Copies the segments that are not there yet, and deletes those that only the index saved before had.
    """
    index_dir.mkdir(parents=True, exist_ok=True)
    previous = {entry["file"]: entry for entry in _read_manifest(index_dir).get("segments", [])}
    entries = [
        {
            "gone": sorted(live.deleted),
            **_segment_entry(_persist_segment(live.segment, index_dir), previous),
        }
        for live in index.segments
    ]
    body = json.dumps({"format": format_id(), "segments": entries, "about": metadata}).encode()
    with tempfile.NamedTemporaryFile(dir=index_dir, prefix=".new-", delete=False) as file:
        file.write(body + b"\n" + _body_digest(body))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(index_dir / MANIFEST)
    # Another process may have saved in the meantime, with segments that are not ours.
    used = {entry["file"] for entry in [*entries, *_read_manifest(index_dir).get("segments", [])]}
    for path in index_dir.iterdir():
        if (
            path.name not in _KEPT_FILES
            and path.name not in used
            and (path.name in previous or _is_abandoned(path))
        ):
            path.unlink(missing_ok=True)


def load_index(index_dir: Path, *, thorough: bool = False) -> tuple[LocalIndex, dict[str, Any]] | None:
    """Open the index saved in the folder `index_dir`; return it and its metadata.

    Returns None when it is missing, outdated or damaged. With `thorough` the digests of large segments are
    checked as well, which takes a second for each gigabyte.
    """
    try:
        manifest = _read_manifest(index_dir)
        if manifest["format"] != format_id():
            return None
        segments = [_open_segment(index_dir, entry, thorough) for entry in manifest["segments"]]
    except _READ_ERRORS:
        return None
    return LocalIndex(segments), manifest["about"]


def read_metadata(index_dir: Path) -> dict[str, Any]:
    """Return the metadata saved with the index in `index_dir`, empty when the manifest cannot be read."""
    metadata: dict[str, Any] = _read_manifest(index_dir).get("about", {})
    return metadata


def delete_stale(index_root: Path, keep: Path) -> None:
    """Delete the indexes in `index_root` whose documents' folder is gone, and abandoned temporary folders.

    `keep` is never deleted. Raises OSError.
    """
    for index_dir in index_root.iterdir():
        folder = read_metadata(index_dir).get("folder")
        is_abandoned = index_dir.name.startswith(".new-") and _is_abandoned(index_dir)
        if index_dir != keep and (is_abandoned or (folder is not None and not Path(folder).is_dir())):
            shutil.rmtree(index_dir, ignore_errors=True)


def _open_segment(index_dir: Path, entry: dict[str, Any], thorough: bool) -> LiveSegment:
    path = index_dir / entry["file"]
    size = path.stat().st_size
    if size != entry["size"] or (
        (thorough or size <= _MAX_VERIFIED_BYTES) and _file_digest(path) != entry["digest"]
    ):
        raise ValueError(f"{path}: size or digest differs from the manifest")
    return LiveSegment(Segment(path), frozenset(entry["gone"]))


def _segment_entry(path: Path, previous: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a segment's name, size and digest: from the previous manifest if it is in that."""
    if path.name in previous:
        return {name: previous[path.name][name] for name in ("file", "size", "digest")}
    return {"file": path.name, "size": path.stat().st_size, "digest": _file_digest(path)}


def _persist_segment(segment: Segment, index_dir: Path) -> Path:
    """Write the segment to the folder unless it is there, sync it to disk, and return its path there.

    Its own file may be deleted by now.
    """
    path = index_dir / segment.path.name
    if not (path.exists() and segment.path.parent == index_dir):
        segment.arrays.copy(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _read_manifest(index_dir: Path) -> dict[str, Any]:
    """Return the manifest, empty when it is missing or damaged."""
    try:
        body, _, digest = (index_dir / MANIFEST).read_bytes().rpartition(b"\n")
        manifest: dict[str, Any] = json.loads(body) if digest == _body_digest(body) else {}
    except _READ_ERRORS:
        return {}
    return manifest


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_AFTER_SECONDS
    except OSError:
        return False


def _body_digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
