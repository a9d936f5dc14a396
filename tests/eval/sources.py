"""The collections of everyday documents: where their files come from, and verification of checksums.

Imports only the standard library, so that documents can be fetched before anything is installed.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

EVERYDAY_DIR = Path(__file__).parent / "everyday"
SOURCES_FILE = EVERYDAY_DIR / "sources.toml"
FETCHED_DIR = Path(__file__).parents[2] / ".eval"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A repository at a commit, or a version of a Debian package.

    `documents` maps names in the collection to paths in the source, `checksums` maps names to SHA-256 in
    hexadecimal.
    """

    address: str
    version: str
    is_package: bool
    licence: str
    documents: Mapping[str, str]
    checksums: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.address} {self.version}"


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents with questions about them.

    `part` is "fit" (weights may be fitted to it) or "report" (only its metrics may be looked at).
    `languages` are those of the documents.
    """

    name: str
    part: str
    languages: tuple[str, ...]
    about: str
    sources: tuple[Upstream, ...]

    @property
    def checksums(self) -> dict[str, str]:
        """The SHA-256 of each document by name."""
        return {name: checksum for source in self.sources for name, checksum in source.checksums.items()}

    @property
    def questions(self) -> Path:
        return EVERYDAY_DIR / f"{self.name}.jsonl"

    def folder(self, root: Path) -> Path:
        """Return the folder of the documents in a folder of collections."""
        return root / self.name / "docs"


def read_collections(path: Path = SOURCES_FILE) -> list[Collection]:
    """Return the collections in a file. Raises ValueError for a document name outside the folder."""
    return [
        _parse_collection(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["collection"]
    ]


def find_problems(folder: Path, checksums: Mapping[str, str]) -> dict[str, str]:
    """Return problems by file name: missing or different documents, and unknown files."""
    existing = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    problems = {name: "missing" for name in checksums if name not in existing}
    problems |= {
        name: "differs"
        for name, checksum in checksums.items()
        if name in existing and checksum != _file_sha256(folder / name)
    }
    unknown = sorted(existing - set(checksums))
    return problems | dict.fromkeys(unknown, "not a document of this collection")


def digest(collections: Iterable[Collection]) -> str:
    """Return a digest of the questions and of the checksums of their documents."""
    total = hashlib.blake2b(digest_size=16)
    for collection in sorted(collections, key=lambda collection: collection.name):
        about = json.dumps([collection.name, collection.part, sorted(collection.checksums.items())])
        total.update(hashlib.blake2b(about.encode()).digest())
        total.update(hashlib.blake2b(collection.questions.read_bytes()).digest())
    return total.hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file_sha256(path: Path) -> str:
    return sha256(path.read_bytes())


def _parse_collection(entry: Mapping[str, Any]) -> Collection:
    return Collection(
        name=entry["name"],
        part=entry["part"],
        languages=tuple(entry["languages"]),
        about=entry["about"],
        sources=tuple(map(_parse_source, entry["source"])),
    )


def _parse_source(entry: Mapping[str, Any]) -> Upstream:
    is_package = "package" in entry
    documents = {_document_name(path, entry): path for path in entry["files"]}
    return Upstream(
        address=entry["package" if is_package else "repository"],
        version=entry["version" if is_package else "commit"],
        is_package=is_package,
        licence=entry["licence"],
        documents=documents,
        checksums={name: entry["files"][path] for name, path in documents.items()},
    )


def _document_name(path: str, entry: Mapping[str, Any]) -> str:
    name: str = entry.get("renamed", "") + path.removeprefix(entry["prefix"])
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"{path}: {name} is not below the folder of the documents")
    return name
