"""The files of the documents folder, as the file system lists them."""

import os
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import FolderError
from retrieval.model import Problem


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file by its path below the folder: `size` in bytes, `changed` in nanoseconds (POSIX)."""

    name: str
    size: int
    changed: int


def list_files(folder: Path) -> tuple[list[FileEntry], list[Problem]]:
    """List the files, in an order that is the same everywhere, and what cannot be listed.

    Hidden files and links are left out. Raises FolderError when the folder itself cannot be listed.
    """
    try:
        folders, found = _entries(folder, "")
    except (FileNotFoundError, NotADirectoryError):
        raise FolderError(
            f"{folder}: no such folder of documents; make it, or name another in SEEDS_DIR or --docs"
        ) from None
    except OSError as error:
        raise FolderError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from None
    problems: list[Problem] = []
    while folders:
        name = folders.pop()
        try:
            inner, more = _entries(folder / name, f"{name}/")
        except OSError as error:
            problems.append(Problem(name, f"cannot be listed ({error.strerror}); check its permissions"))
        else:
            folders += inner
            found += more
    named = [file for file in found if _is_unicode(file.name)]
    problems += [
        Problem(os.fsencode(file.name).decode("utf-8", "replace"), "its name is not valid UTF-8; rename it")
        for file in found
        if not _is_unicode(file.name)
    ]
    return sorted(named, key=lambda file: file.name), problems


def _entries(folder: Path, above: str) -> tuple[list[str], list[FileEntry]]:
    """List a folder's folders by their names, and its files, with the path above them."""
    folders: list[str] = []
    found: list[FileEntry] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(above + entry.name)
            elif entry.is_file(follow_symlinks=False) and (file := _file(entry, above)):
                found.append(file)
    return folders, found


def _file(entry: os.DirEntry[str], above: str) -> FileEntry | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return FileEntry(above + entry.name, status.st_size, status.st_mtime_ns)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
