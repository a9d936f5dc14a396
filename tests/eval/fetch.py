"""Fetch the documents of the everyday collections: `python -m tests.eval.fetch`.

Repositories are read with git, Debian packages with apt-get and dpkg-deb. Every document is checked against
its sum, and one that differs is not written. Exits with 1 when a collection is incomplete. Only the standard
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

from tests.eval.sources import FETCHED, SOURCES, Collection, Source, problems, read, sha256

# Returns the bytes of a path in a source, or None where it has no such file.
Reader = Callable[[str], bytes | None]

_SYMLINK = "120000"
# What git sets for a hook would lead to the repository that the hook is of.
_OF_A_HOOK = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
}
# A server that sends less than a thousand bytes a second for a minute has stopped.
_PATIENT = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")


class FetchError(Exception):
    """A source cannot be reached; the message names it and the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the collections that are named, or all of them; return the exit code."""
    options = _parser().parse_args(arguments)
    collections = {one.name: one for one in read(options.sources)}
    if unknown := [name for name in options.names if name not in collections]:
        _complain(f"no such collection: {', '.join(unknown)}; there are {', '.join(collections)}")
        return 2
    wanted = [collections[name] for name in options.names or collections]
    complete = [fetch(one, options.into, options.clones) for one in wanted]
    return 0 if all(complete) else 1


def fetch(collection: Collection, into: Path, clones: Path | None) -> bool:
    """Fetch what a folder of collections lacks of one; return whether it is complete now.

    Says in one line each which documents are missing or differ, and which sources cannot be reached.
    """
    folder, sums = collection.folder(into), collection.sums
    for source in collection.sources:
        try:
            for name, reason in _fetch(source, folder, clones).items():
                _complain(f"{collection.name}: {name}: {reason} in {source}")
        except FetchError as error:
            _complain(f"{collection.name}: {error}")
    left = problems(folder, sums)
    for name in left.keys() - sums.keys():
        _complain(f"{collection.name}: {name}: {left[name]}; remove it")
    sys.stdout.write(f"{collection.name}: {len(sums.keys() - left.keys())} of {len(sums)} documents\n")
    sys.stdout.flush()
    return not left


def _fetch(source: Source, folder: Path, clones: Path | None) -> dict[str, str]:
    """Write what the folder lacks of a source; return why not, by the names of documents.

    Raises FetchError.
    """
    lacked = [name for name in problems(folder, source.sums) if name in source.sums]
    refused: dict[str, str] = {}
    if not lacked:
        return refused
    with _opened(source, [source.documents[name] for name in lacked], clones) as read_path:
        for name in lacked:
            data = read_path(source.documents[name])
            if data is None or sha256(data) != source.sums[name]:
                refused[name] = "missing" if data is None else "differs"
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return refused


@contextmanager
def _opened(source: Source, paths: Iterable[str], clones: Path | None) -> Iterator[Reader]:
    with tempfile.TemporaryDirectory(prefix="verbatim-") as scratch:
        if source.is_package:
            yield _of_folder(_unpacked(source, Path(scratch)))
        elif clones:
            yield _of_blobs(_clone(source, clones), source)
        else:
            yield _of_blobs(_fetched(source, paths, Path(scratch)), source)


def _clone(source: Source, clones: Path) -> Path:
    """Return the git directory of a repository among clones: `owner+name` or `owner/name`, bare or not."""
    owner, name = source.address.removesuffix(".git").split("/")[-2:]
    for folder in (clones / f"{owner}+{name}", clones / owner / name):
        for git in (folder / "repo" / ".git", folder / "repo", folder / ".git", folder):
            if (git / "HEAD").is_file() and (git / "objects").is_dir():
                return git
    raise FetchError(f"{source.address}: no clone {owner}+{name} or {owner}/{name} in {clones}")


def _fetched(source: Source, paths: Iterable[str], scratch: Path) -> Path:
    """Fetch a commit, and of its files only those that are wanted. Raises FetchError."""
    _git(scratch, source, "init", "--quiet", "--bare")
    _git(scratch, source, "remote", "add", "origin", source.address)
    fetch = (*_PATIENT, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags")
    _git(scratch, source, *fetch, "--depth=1", "--filter=blob:none", "origin", source.version)
    blobs = _blobs(scratch, source)
    wanted = "\n".join(sorted({blobs[path] for path in paths if path in blobs}))
    # All at once, as git does it for a checkout; asked for one by one, each would be a connection.
    few = ("--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin")
    if wanted:
        _git(scratch, source, *fetch, *few, "origin", given=wanted.encode())
    return scratch


def _of_blobs(git: Path, source: Source) -> Reader:
    """Read the files of a commit as they were committed: no checkout converts their line ends."""
    blobs = _blobs(git, source)

    def read_path(path: str) -> bytes | None:
        return _git(git, source, "cat-file", "blob", blobs[path]) if path in blobs else None

    return read_path


def _blobs(git: Path, source: Source) -> dict[str, str]:
    """Return the names of git's objects by path. Raises FetchError when the commit is not there."""
    listed = _git(git, source, "ls-tree", "-r", "-z", "--full-tree", source.version)
    entries = (line.split("\t", 1) for line in os.fsdecode(listed).split("\0") if line)
    parted = ((about.split(), path) for about, path in entries)
    return {path: blob for (mode, kind, blob), path in parted if kind == "blob" and mode != _SYMLINK}


def _git(git: Path, source: Source, *arguments: str, given: bytes = b"") -> bytes:
    # Nobody is asked for a password, and clones stay as they are.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    return _run(["git", "--git-dir", str(git), *arguments], source, environment, given=given)


def _unpacked(source: Source, scratch: Path) -> Path:
    """Download a Debian package and unpack it. Raises FetchError."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FetchError(f"{source}: {tool} is missing; Debian and its relatives have it")
    environment = os.environ | {"LC_ALL": "C"}
    download = ["apt-get", "--quiet", "download"]
    try:
        _run([*download, f"{source.address}={source.version}"], source, environment, scratch)
    except FetchError:
        # The archive keeps no old versions. What the new one says is used if it is the same.
        _run([*download, source.address], source, environment, scratch)
    (package,) = scratch.glob("*.deb")
    _run(["dpkg-deb", "-x", str(package), str(scratch / "unpacked")], source, environment, scratch)
    return scratch / "unpacked"


def _of_folder(folder: Path) -> Reader:
    def read_path(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() and not file.is_symlink() else None

    return read_path


def _run(
    command: Sequence[str],
    source: Source,
    environment: dict[str, str],
    folder: Path | None = None,
    given: bytes = b"",
) -> bytes:
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, check=False, env=environment, cwd=folder
        )
    except OSError as error:
        raise FetchError(f"{source}: {command[0]}: {error.strerror or error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise FetchError(f"{source}: {command[0]}: {lines[-1] if lines else done.returncode}")
    return done.stdout


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval.fetch",
        description="Fetch the documents that the everyday questions are about.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="collections; all if none is named")
    parser.add_argument(
        "--clones",
        type=Path,
        metavar="DIR",
        help="take repositories from clones in DIR (owner+name or owner/name) and not from their addresses",
    )
    parser.add_argument("--into", type=Path, default=FETCHED, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--sources", type=Path, default=SOURCES, metavar="FILE", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
