"""The files of the documents folder, and those in its archives and mails."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired

from retrieval.documents.worker_pool import limit_worker, wait_for, worker_pool
from retrieval.errors import DocumentError, FolderError, ProblemKind, panics_as_errors
from retrieval.loaders import containers
from retrieval.loaders.containers import PackedFile
from retrieval.model import Problem

if TYPE_CHECKING:
    from pebble import ProcessFuture

# A file that was modified within this time before it is read may change again without a change of its mtime.
CLOCK_TICK_NS = 2_000_000_000
_LIST_TIMEOUT_SECONDS = 60.0
# Mails that are listed by one job of a worker process.
_MAX_BATCH_FILES = 500
_MAX_BATCH_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: `name` is its path below the folder, `size` in bytes, `mtime_ns` its mtime in nanoseconds."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ContainerListing:
    """The files in an archive or a mail, and the problem of the container, if it has one.

    One that `is_mtime_reliable` is not opened again while its size and mtime stay the same.
    """

    file: FileEntry
    packed: tuple[PackedFile, ...] = ()
    problem: Problem | None = None
    is_mtime_reliable: bool = False


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder, the problems of those that cannot be listed, and its containers by name."""

    files: list[FileEntry]
    problems: list[Problem]
    containers: Mapping[str, ContainerListing] = field(default_factory=dict)


def list_files(folder: Path) -> tuple[list[FileEntry], list[Problem]]:
    """Return the files and the problems of `list_folder`."""
    listing = list_folder(folder)
    return listing.files, listing.problems


def list_folder(
    folder: Path,
    known: Mapping[str, ContainerListing] | None = None,
    stop: Callable[[], bool] | None = None,
) -> FolderListing:
    """Return the files sorted by name, and the problems of files and folders that cannot be listed.

    Hidden files and symbolic links are skipped. The files in an archive are listed in its place, those in a
    mail next to it. Containers that have not changed since they were listed in `known` are not opened. `stop`
    is called several times a second while worker processes open mails; once it returns True, this raises
    ReadingStoppedError. Raises FolderError when the folder itself cannot be listed.
    """
    try:
        folders, files = _scan(folder, "")
    except NotADirectoryError:
        raise FolderError(
            f"{folder}: is a file; name the folder that it is in, in SEEDS_DIR or --docs"
        ) from None
    except FileNotFoundError:
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
    container_files = [
        file for file in files if containers.is_container_name(file.name) and _is_unicode(file.name)
    ]
    listings = _list_containers(folder, container_files, known or {}, stop)
    files = [file for file in files if file.name not in listings or not containers.is_archive_name(file.name)]
    for listing in listings.values():
        problems += _problems(listing)
        files += _packed_entries(listing)
    valid = [file for file in files if _is_unicode(file.name)]
    problems += [
        Problem(os.fsencode(file.name).decode("utf-8", "replace"), "its name is not valid UTF-8; rename it")
        for file in files
        if not _is_unicode(file.name)
    ]
    return FolderListing(sorted(valid, key=lambda file: file.name), problems, listings)


def _packed_entries(listing: ContainerListing) -> Iterator[FileEntry]:
    """Yield the files in a container that can be read."""
    holder = listing.file
    for packed in listing.packed:
        if not packed.problem:
            yield FileEntry(f"{holder.name}/{packed.path}", packed.size, holder.mtime_ns)


def _problems(listing: ContainerListing) -> Iterator[Problem]:
    """Yield the problem of a container, and those of the files in it."""
    if listing.problem:
        yield listing.problem
    for packed in listing.packed:
        if packed.problem:
            yield Problem(f"{listing.file.name}/{packed.path}", packed.problem, packed.kind)


def _list_containers(
    folder: Path,
    files: Sequence[FileEntry],
    known: Mapping[str, ContainerListing],
    stop: Callable[[], bool] | None,
) -> dict[str, ContainerListing]:
    """Return the listings of containers by name; those that are known, settled and unchanged as they are."""
    listings: dict[str, ContainerListing] = {}
    risky: list[FileEntry] = []
    for file in files:
        listing = known.get(file.name)
        if listing is not None and listing.is_mtime_reliable and listing.file == file:
            listings[file.name] = listing
        elif (new := _list_archive(folder, file)) is not None:
            listings[file.name] = new
        else:
            risky.append(file)
    if risky:
        listings |= {new.file.name: new for new in _list_in_workers(folder, risky, stop)}
    now = time.time_ns()
    return {
        name: replace(
            listing,
            is_mtime_reliable=listing.is_mtime_reliable or now - listing.file.mtime_ns > CLOCK_TICK_NS,
        )
        for name, listing in sorted(listings.items())
    }


def _list_archive(folder: Path, file: FileEntry) -> ContainerListing | None:
    """Return the listing of an archive; None if it, or one of the files in it, is a mail."""
    if not containers.is_archive_name(file.name):
        return None
    try:
        if containers.holds_containers(folder / file.name, file.name):
            return None
    except DocumentError as error:
        return ContainerListing(file, problem=Problem(file.name, error.reason, error.kind))
    return _list_container(folder, file)


def _list_container(folder: Path, file: FileEntry) -> ContainerListing:
    try:
        with panics_as_errors():
            return ContainerListing(file, tuple(containers.list_packed_files(folder / file.name, file.name)))
    except DocumentError as error:
        # A mail that cannot be read is reported when it is read itself.
        if containers.is_archive_name(file.name) or error.kind is ProblemKind.TOO_LARGE:
            return ContainerListing(file, problem=Problem(file.name, error.reason, error.kind))
    except Exception as error:  # noqa: BLE001  # damage that a library did not expect costs one file
        return _not_listed(file, type(error).__name__)
    return ContainerListing(file)


def _not_listed(file: FileEntry, reason: str) -> ContainerListing:
    reason = f"the files in it cannot be listed ({reason}); save them on their own"
    return ContainerListing(file, problem=Problem(file.name, reason))


def _list_batch(folder: Path, files: Sequence[FileEntry]) -> list[ContainerListing]:
    return [_list_container(folder, file) for file in files]


def _list_in_workers(
    folder: Path, files: Sequence[FileEntry], stop: Callable[[], bool] | None
) -> Iterator[ContainerListing]:
    """Yield the listings of containers, in worker processes. One that breaks a process costs only itself."""
    batches = list(_make_batches(files))
    with worker_pool(min(os.cpu_count() or 1, len(batches)), limit_worker) as pool:

        def schedule(batch: Sequence[FileEntry]) -> "ProcessFuture[list[ContainerListing]]":
            return pool.schedule(_list_batch, args=(folder, batch), timeout=_LIST_TIMEOUT_SECONDS)

        jobs = [(batch, schedule(batch)) for batch in batches]
        for batch, job in jobs:
            wait_for(job, pool, stop)
            try:
                yield from job.result()
            except (FutureTimeoutError, ProcessExpired, BrokenProcessPool) as error:
                if len(batch) > 1:
                    jobs += [([file], schedule([file])) for file in batch]
                else:
                    yield _not_listed(batch[0], type(error).__name__)


def _make_batches(files: Sequence[FileEntry]) -> Iterator[list[FileEntry]]:
    batch: list[FileEntry] = []
    size = 0
    for file in files:
        if batch and (size + file.size > _MAX_BATCH_BYTES or len(batch) == _MAX_BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def listing_to_row(listing: ContainerListing) -> list[Any]:
    """Return the listing of a container as a JSON array."""
    file, problem = listing.file, listing.problem
    return [
        [file.name, file.size, file.mtime_ns],
        [[packed.path, packed.size, packed.problem, packed.kind] for packed in listing.packed],
        problem and [problem.reason, problem.kind],
        listing.is_mtime_reliable,
    ]


def listing_from_row(row: list[Any]) -> ContainerListing:
    """Return the listing that `listing_to_row` turned into a JSON array."""
    file, packed, problem, is_mtime_reliable = row
    return ContainerListing(
        FileEntry(*file),
        tuple(PackedFile(path, size, reason, ProblemKind(kind)) for path, size, reason, kind in packed),
        problem and Problem(file[0], problem[0], ProblemKind(problem[1])),
        is_mtime_reliable,
    )


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
