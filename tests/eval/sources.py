"""The collections of everyday documents: where their files are from, and whether a folder holds them.

Only the standard library, so that documents can be fetched before anything is installed.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

EVERYDAY = Path(__file__).parent / "everyday"
SOURCES = EVERYDAY / "sources.toml"
FETCHED = Path(__file__).parents[2] / ".eval"


@dataclass(frozen=True, slots=True)
class Source:
    """A repository at a commit, or a Debian package of a version.

    `documents` are the names that its files have in the collection, with their paths in the source. `sums`
    are the SHA-256 of each, in hexadecimal, by name.
    """

    address: str
    version: str
    is_package: bool
    licence: str
    documents: Mapping[str, str]
    sums: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.address} {self.version}"


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents with questions about them.

    `part` is "fit" (may be fitted to) or "report" (only reported on); `languages` are those of the documents.
    """

    name: str
    part: str
    languages: tuple[str, ...]
    about: str
    sources: tuple[Source, ...]

    @property
    def sums(self) -> dict[str, str]:
        """The SHA-256 of every document by its name."""
        return {name: of for source in self.sources for name, of in source.sums.items()}

    @property
    def questions(self) -> Path:
        return EVERYDAY / f"{self.name}.jsonl"

    def folder(self, root: Path) -> Path:
        """Return where the documents are below a folder of collections."""
        return root / self.name / "docs"


def read(path: Path = SOURCES) -> list[Collection]:
    """Read the collections from a file. Raises ValueError for a document whose name leads elsewhere."""
    return [_collection(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["collection"]]


def problems(folder: Path, sums: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a folder: documents that are missing or differ, and files that are none."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    found = {name: "missing" for name in sums if name not in there}
    found |= {name: "differs" for name in sums if name in there and sums[name] != _sum_of(folder / name)}
    return found | dict.fromkeys(sorted(there - set(sums)), "not a document of this collection")


def digest(collections: Iterable[Collection]) -> str:
    """Name the questions and the documents they are about."""
    whole = hashlib.blake2b(digest_size=16)
    for collection in sorted(collections, key=lambda one: one.name):
        about = json.dumps([collection.name, collection.part, sorted(collection.sums.items())])
        whole.update(hashlib.blake2b(about.encode()).digest())
        whole.update(hashlib.blake2b(collection.questions.read_bytes()).digest())
    return whole.hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sum_of(path: Path) -> str:
    return sha256(path.read_bytes())


def _collection(entry: Mapping[str, Any]) -> Collection:
    return Collection(
        name=entry["name"],
        part=entry["part"],
        languages=tuple(entry["languages"]),
        about=entry["about"],
        sources=tuple(map(_source, entry["source"])),
    )


def _source(entry: Mapping[str, Any]) -> Source:
    is_package = "package" in entry
    documents = {_name(path, entry): path for path in entry["files"]}
    return Source(
        address=entry["package" if is_package else "repository"],
        version=entry["version" if is_package else "commit"],
        is_package=is_package,
        licence=entry["licence"],
        documents=documents,
        sums={name: entry["files"][path] for name, path in documents.items()},
    )


def _name(path: str, entry: Mapping[str, Any]) -> str:
    name: str = entry.get("renamed", "") + path.removeprefix(entry["prefix"])
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"{path}: {name} is not below the folder of the documents")
    return name
