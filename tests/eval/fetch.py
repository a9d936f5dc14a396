"""Fetch the documents of the everyday collections: `python -m tests.eval.fetch`.

Repositories are fetched with git, Debian packages with apt-get and dpkg-deb. A document that does not match
its checksum is not written. The exit code is 1 if a collection is incomplete. Imports only the standard
library.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.eval.sources import (
    FETCHED_DIR,
    SOURCES_FILE,
    Collection,
    Upstream,
    find_problems,
    read_collections,
    sha256,
)

# Returns the content of a path in a source, or None without such a file.
Reader = Callable[[str], bytes | None]

_SYMLINK = "120000"
# Git sets these in a hook. They would redirect commands to the repository of the hook.
_HOOK_VARIABLES = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
}
# Abort if a server sends less than 1,000 bytes per second for a minute.
_LOW_SPEED_TIMEOUT = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")


class FetchError(Exception):
    """A source cannot be fetched. The message names it and the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the named collections, or all, and return the exit code."""
    options = _build_parser().parse_args(arguments)
    collections = {collection.name: collection for collection in read_collections(options.sources)}
    if unknown := [name for name in options.names if name not in collections]:
        _print_error(f"no such collection: {', '.join(unknown)}; choose from {', '.join(collections)}")
        return 2
    selected = [collections[name] for name in options.names or collections]
    complete = [fetch(collection, options.into, options.clones) for collection in selected]
    return 0 if all(complete) else 1


def fetch(collection: Collection, into: Path, clones: Path | None) -> bool:
    """Fetch the missing documents of a collection to `into`. Return whether it is complete now.

    Prints a line about each document that is missing or differs, and each source that cannot be fetched.
    """
    folder, checksums = collection.folder(into), collection.checksums
    for source in collection.sources:
        try:
            for name, reason in _fetch_source(source, folder, clones).items():
                _print_error(f"{collection.name}: {name}: {reason} in {source}")
        except FetchError as error:
            _print_error(f"{collection.name}: {error}")
    remaining = find_problems(folder, checksums)
    for name in remaining.keys() - checksums.keys():
        _print_error(f"{collection.name}: {name}: {remaining[name]}; remove it")
    complete = len(checksums.keys() - remaining.keys())
    sys.stdout.write(f"{collection.name}: {complete} of {len(checksums)} documents\n")
    sys.stdout.flush()
    return not remaining


def _fetch_source(source: Upstream, folder: Path, clones: Path | None) -> dict[str, str]:
    """Write the missing documents of a source. Return the reasons for those not written, by name.

    Raises FetchError.
    """
    missing = [name for name in find_problems(folder, source.checksums) if name in source.checksums]
    problems: dict[str, str] = {}
    if not missing:
        return problems
    with _open_source(source, [source.documents[name] for name in missing], clones) as read_path:
        for name in missing:
            data = read_path(source.documents[name])
            if data is None or sha256(data) != source.checksums[name]:
                problems[name] = "missing" if data is None else "differs"
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return problems


@contextmanager
def _open_source(source: Upstream, paths: Iterable[str], clones: Path | None) -> Iterator[Reader]:
    with tempfile.TemporaryDirectory(prefix="verbatim-") as scratch:
        if source.is_package:
            yield _folder_reader(_unpack_package(source, Path(scratch)))
        elif clones:
            yield _blob_reader(_find_clone(source, clones), source)
        else:
            yield _blob_reader(_fetch_commit(source, paths, Path(scratch)), source)


def _find_clone(source: Upstream, clones: Path) -> Path:
    """Return the git directory of a clone, `owner+name` or `owner/name`, bare or not. Raises FetchError."""
    owner, name = source.address.removesuffix(".git").split("/")[-2:]
    for folder in (clones / f"{owner}+{name}", clones / owner / name):
        for git in (folder / "repo" / ".git", folder / "repo", folder / ".git", folder):
            if (git / "HEAD").is_file() and (git / "objects").is_dir():
                return git
    raise FetchError(f"{source.address}: no clone {owner}+{name} or {owner}/{name} in {clones}")


def _fetch_commit(source: Upstream, paths: Iterable[str], scratch: Path) -> Path:
    """Fetch a commit with only some of its files. Raises FetchError."""
    _run_git(scratch, source, "init", "--quiet", "--bare")
    _run_git(scratch, source, "remote", "add", "origin", source.address)
    fetch = (*_LOW_SPEED_TIMEOUT, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags")
    _run_git(scratch, source, *fetch, "--depth=1", "--filter=blob:none", "origin", source.version)
    blobs = _list_blobs(scratch, source)
    objects = "\n".join(sorted({blobs[path] for path in paths if path in blobs}))
    # In one request, as git does for a checkout. Fetched one by one, each would be a connection.
    options = ("--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin")
    if objects:
        _run_git(scratch, source, *fetch, *options, "origin", stdin=objects.encode())
    return scratch


def _blob_reader(git: Path, source: Upstream) -> Reader:
    """Return a reader of the files of a commit. Line ends are as committed, not converted by a checkout."""
    blobs = _list_blobs(git, source)

    def read_path(path: str) -> bytes | None:
        return _run_git(git, source, "cat-file", "blob", blobs[path]) if path in blobs else None

    return read_path


def _list_blobs(git: Path, source: Upstream) -> dict[str, str]:
    """Return the object names of files, without links, by path. Raises FetchError without this commit."""
    output = _run_git(git, source, "ls-tree", "-r", "-z", "--full-tree", source.version)
    entries = (line.split("\t", 1) for line in os.fsdecode(output).split("\0") if line)
    fields = ((attributes.split(), path) for attributes, path in entries)
    return {path: blob for (mode, kind, blob), path in fields if kind == "blob" and mode != _SYMLINK}


def _run_git(git: Path, source: Upstream, *arguments: str, stdin: bytes = b"") -> bytes:
    # No password prompts, and no fetching into clones.
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    return _run(["git", "--git-dir", str(git), *arguments], source, environment, stdin=stdin)


def _unpack_package(source: Upstream, scratch: Path) -> Path:
    """Download and unpack a Debian package, and return its folder. Raises FetchError."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FetchError(f"{source}: {tool} is missing; it is part of Debian-based systems")
    environment = os.environ | {"LC_ALL": "C"}
    download = ["apt-get", "--quiet", "download"]
    try:
        _run([*download, f"{source.address}={source.version}"], source, environment, scratch)
    except FetchError:
        # Old versions are deleted from the archive. Unchanged documents of the new one can be used.
        _run([*download, source.address], source, environment, scratch)
    (package,) = scratch.glob("*.deb")
    _run(["dpkg-deb", "-x", str(package), str(scratch / "unpacked")], source, environment, scratch)
    return scratch / "unpacked"


def _folder_reader(folder: Path) -> Reader:
    def read_path(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() and not file.is_symlink() else None

    return read_path


def _run(
    command: Sequence[str],
    source: Upstream,
    environment: dict[str, str],
    folder: Path | None = None,
    stdin: bytes = b"",
) -> bytes:
    try:
        process = subprocess.run(
            command, input=stdin, capture_output=True, check=False, env=environment, cwd=folder
        )
    except OSError as error:
        raise FetchError(f"{source}: {command[0]}: {error.strerror or error}") from None
    if process.returncode:
        lines = process.stderr.decode(errors="replace").strip().splitlines()
        raise FetchError(f"{source}: {command[0]}: {lines[-1] if lines else process.returncode}")
    return process.stdout


def _print_error(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval.fetch",
        description="Fetch the documents that the everyday questions are about.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="collections to fetch (default: all)")
    parser.add_argument(
        "--clones",
        type=Path,
        metavar="DIR",
        help="read repositories from clones in DIR (owner+name or owner/name) instead of fetching them",
    )
    parser.add_argument(
        "--into", type=Path, default=FETCHED_DIR, metavar="DIR", help="target folder (default: %(default)s)"
    )
    parser.add_argument("--sources", type=Path, default=SOURCES_FILE, metavar="FILE", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
