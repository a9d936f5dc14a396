"""Lists the files of the documents folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DocumentError, FolderError
from retrieval.loaders import zip_folder
from retrieval.model.document import Problem


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: `name` is its path below the folder, `size` in bytes, `changed` its mtime in nanoseconds."""

    name: str
    size: int
    changed: int


def list_files(folder: Path) -> tuple[list[FileEntry], list[Problem]]:
    """Return the files sorted by name, and the problems of files and folders that cannot be listed.

    Hidden files and symbolic links are left out. The files in a .zip file are listed in its place.
    Raises FolderError when the folder itself cannot be listed.
    """
    try:
        folders, files = _scan(folder, "")
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
            inner_folders, inner_files = _scan(folder / name, f"{name}/")
        except OSError as error:
            problems.append(Problem(name, f"cannot be listed ({error.strerror}); check its permissions"))
        else:
            folders += inner_folders
            files += inner_files
    files, packed_problems = _unpacked(folder, files)
    problems += packed_problems
    valid = [file for file in files if _is_unicode(file.name)]
    problems += [
        Problem(os.fsencode(file.name).decode("utf-8", "replace"), "its name is not valid UTF-8; rename it")
        for file in files
        if not _is_unicode(file.name)
    ]
    return sorted(valid, key=lambda file: file.name), problems


def _unpacked(folder: Path, files: list[FileEntry]) -> tuple[list[FileEntry], list[Problem]]:
    """Return the files with those in archives in place of the archives, and the problems of these."""
    listed: list[FileEntry] = []
    problems: list[Problem] = []
    for file in files:
        if not file.name.lower().endswith(zip_folder.SUFFIX) or not _is_unicode(file.name):
            listed.append(file)
            continue
        try:
            packed = zip_folder.list_packed_files(folder / file.name, file.name)
        except DocumentError as error:
            problems.append(Problem(file.name, error.reason, error.kind))
            continue
        for inner in packed:
            name = f"{file.name}/{inner.path}"
            if inner.problem:
                problems.append(Problem(name, inner.problem))
            else:
                listed.append(FileEntry(name, inner.size, file.changed))
    return listed, problems


def _scan(folder: Path, above: str) -> tuple[list[str], list[FileEntry]]:
    """Return the names of a folder's folders and its files, both prefixed with `above`."""
    folders: list[str] = []
    files: list[FileEntry] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(above + entry.name)
            elif entry.is_file(follow_symlinks=False) and (file := _file_entry(entry, above)):
                files.append(file)
    return folders, files


def _file_entry(entry: os.DirEntry[str], above: str) -> FileEntry | None:
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
