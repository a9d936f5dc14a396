"""Documents are fetched from their sources, and written only if they match their checksums."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.eval import fetch
from tests.eval.sources import sha256

pytestmark = pytest.mark.slow

LEAVE, PAY, SCRIPT = "15 days.\r\n", "On the 25th.\n", "rm -r docs\n"


@dataclass(frozen=True)
class Repository:
    """A repository, and its first commit, which is not the tip of a branch."""

    path: Path
    commit: str


def _git(folder: Path, *arguments: str) -> str:
    options = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    process = subprocess.run(
        ["git", *options, *arguments], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    )
    return process.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    path = tmp_path / "remote" / "owner" / "handbook"
    (path / "docs" / "pay and leave").mkdir(parents=True)
    _git(path, "init", "--quiet")
    (path / "docs" / "pay and leave" / "leave.md").write_text(LEAVE, newline="")
    (path / "docs" / "pay.md").write_text(PAY, newline="")
    (path / "clean.sh").write_text(SCRIPT)
    _git(path, "add", ".")
    _git(path, "commit", "--quiet", "--message", "One")
    commit = _git(path, "rev-parse", "HEAD")
    (path / "docs" / "pay.md").write_text("On the 1st.\n")
    _git(path, "commit", "--quiet", "--all", "--message", "Two")
    return Repository(path, commit)


def _entry(name: str, files: Mapping[str, str], **source: str) -> str:
    checksums = "\n".join(
        f"{json.dumps(path)} = {json.dumps(sha256(text.encode()))}" for path, text in files.items()
    )
    keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
    return (
        f'[[collection]]\nname = "{name}"\npart = "fit"\nlanguages = ["en"]\nabout = "a"\n'
        f'[[collection.source]]\nlicence = "CC0"\n{keys}\n[collection.source.files]\n{checksums}\n'
    )


def _repository_entry(repository: Repository, files: Mapping[str, str], name: str = "handbook") -> str:
    address = repository.path.as_uri()
    return _entry(name, files, repository=address, commit=repository.commit, prefix="docs/")


def _fetch(tmp_path: Path, *entries: str, arguments: tuple[str, ...] = ()) -> int:
    sources = tmp_path / "sources.toml"
    sources.write_text("\n".join(entries), encoding="utf-8")
    return fetch.main(["--sources", str(sources), "--into", str(tmp_path / "into"), *arguments])


def _fetched_documents(tmp_path: Path, name: str = "handbook") -> dict[str, str]:
    folder = tmp_path / "into" / name / "docs"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file()
    }


FILES = {"docs/pay and leave/leave.md": LEAVE, "docs/pay.md": PAY}


@pytest.mark.parametrize("is_partial", [True, False])
def test_fetch_commit(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str], *, is_partial: bool
) -> None:
    """Documents equal the commit to the byte, even if the server cannot send parts of it."""
    _git(repository.path, "config", "uploadpack.allowFilter", str(is_partial).lower())
    assert 0 == _fetch(tmp_path, _repository_entry(repository, FILES))
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _fetched_documents(tmp_path)
    assert ("handbook: 2 of 2 documents\n", "") == capfd.readouterr()


@pytest.mark.parametrize("place", ["owner+handbook", "owner/handbook", "owner+handbook/repo"])
@pytest.mark.parametrize("kind", ["--bare", "--no-checkout"])
def test_clones(tmp_path: Path, repository: Repository, place: str, kind: str) -> None:
    """With --clones a clone of any layout is read instead of the repository."""
    (tmp_path / "clones").mkdir()
    _git(tmp_path, "clone", "--quiet", kind, str(repository.path), str(tmp_path / "clones" / place))
    shutil.rmtree(repository.path)
    assert 0 == _fetch(
        tmp_path, _repository_entry(repository, FILES), arguments=("--clones", str(tmp_path / "clones"))
    )
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _fetched_documents(tmp_path)


def test_missing_and_different_documents(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """A missing or different document is named and not written; everything else is fetched."""
    wrong = FILES | {"docs/pay.md": "On the 1st.\n", "docs/gone.md": "Gone."}
    assert 1 == _fetch(
        tmp_path, _repository_entry(repository, wrong), _repository_entry(repository, FILES, "second")
    )
    assert {"pay and leave/leave.md": LEAVE} == _fetched_documents(tmp_path)
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _fetched_documents(tmp_path, "second")
    out, err = capfd.readouterr()
    assert "handbook: 1 of 3 documents\nsecond: 2 of 2 documents\n" == out
    where = f"{repository.path.as_uri()} {repository.commit}"
    assert [
        f"handbook: pay.md: differs in {where}",
        f"handbook: gone.md: missing in {where}",
    ] == err.splitlines()


def test_unreachable_sources(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """A missing repository or commit is named in one line; other collections are fetched."""
    away = _entry("away", FILES, repository=(tmp_path / "no").as_uri(), commit="1" * 40, prefix="docs/")
    lost = _repository_entry(Repository(repository.path, "1" * 40), FILES, "lost")
    assert 1 == _fetch(tmp_path, away, lost, _repository_entry(repository, FILES))
    out, err = capfd.readouterr()
    assert "away: 0 of 2 documents\nlost: 0 of 2 documents\nhandbook: 2 of 2 documents\n" == out
    assert ["away", "lost"] == [line.split(":")[0] for line in err.splitlines()]


def test_missing_clone(tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]) -> None:
    """With --clones a repository without a clone is an error."""
    assert 1 == _fetch(tmp_path, _repository_entry(repository, FILES), arguments=("--clones", str(tmp_path)))
    assert f"no clone owner+handbook or owner/handbook in {tmp_path}" in capfd.readouterr().err


def test_fetch_again(tmp_path: Path, repository: Repository) -> None:
    """Only missing and changed documents are fetched again."""
    entry = _repository_entry(repository, FILES)
    assert 0 == _fetch(tmp_path, entry)
    moved = repository.path.rename(tmp_path / "moved")
    assert 0 == _fetch(tmp_path, entry)
    (tmp_path / "into/handbook/docs/pay.md").write_text("Never.")
    assert 1 == _fetch(tmp_path, entry)
    moved.rename(repository.path)
    assert 0 == _fetch(tmp_path, entry)
    assert PAY == _fetched_documents(tmp_path)["pay.md"]


def test_unknown_file(tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]) -> None:
    """An unknown file in a collection is named, because it would be searched, and not deleted."""
    _fetch(tmp_path, _repository_entry(repository, FILES))
    (tmp_path / "into/handbook/docs/mine.md").write_text("Mine.")
    assert 1 == _fetch(tmp_path, _repository_entry(repository, FILES))
    assert "handbook: mine.md: not a document of this collection; remove it\n" == capfd.readouterr().err
    assert "Mine." == _fetched_documents(tmp_path)["mine.md"]


def test_symlink(tmp_path: Path, repository: Repository) -> None:
    """A symlink in a repository is not followed."""
    (repository.path / "docs" / "link.md").symlink_to("/etc/passwd")
    _git(repository.path, "add", ".")
    _git(repository.path, "commit", "--quiet", "--message", "Three")
    latest = Repository(repository.path, _git(repository.path, "rev-parse", "HEAD"))
    assert 1 == _fetch(tmp_path, _repository_entry(latest, {"docs/link.md": "/etc/passwd"}))
    assert {} == _fetched_documents(tmp_path)


def test_name_outside_folder(tmp_path: Path, repository: Repository) -> None:
    """A document name outside the folder is rejected before anything is fetched."""
    with pytest.raises(ValueError, match="not below the folder"):
        _fetch(tmp_path, _repository_entry(repository, {"docs/../../../clean.sh": SCRIPT}))


def test_unknown_collection(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """For an unknown name nothing is fetched, and the known names are listed."""
    assert 2 == _fetch(tmp_path, _repository_entry(repository, FILES), arguments=("handbok",))
    assert "no such collection: handbok; choose from handbook\n" == capfd.readouterr().err


def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build a package, and an apt-get that has only version 2 of it."""
    root = tmp_path / "package"
    (root / "DEBIAN").mkdir(parents=True)
    control = "Package: faq\nVersion: 2\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n"
    (root / "DEBIAN" / "control").write_text(control)
    (root / "usr/share/doc/faq").mkdir(parents=True)
    (root / "usr/share/doc/faq/pay.html").write_text(PAY)
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "faq.deb"], check=True, capture_output=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text(
        f'#!/bin/sh\ncase "$*" in *=1) echo "E: no version 1" >&2; exit 100;; esac\ncp {tmp_path}/faq.deb .\n'
    )
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing")
@pytest.mark.parametrize("version", ["1", "2"])
def test_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A package is unpacked, in another version if its own is not available."""
    _package(tmp_path, monkeypatch)
    files = {"usr/share/doc/faq/pay.html": PAY}
    assert 0 == _fetch(
        tmp_path, _entry("faq", files, package="faq", version=version, prefix="usr/share/doc/")
    )
    assert {"faq/pay.html": PAY} == _fetched_documents(tmp_path, "faq")


def test_missing_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without the tools of Debian, the missing one is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert 1 == _fetch(tmp_path, _entry("faq", {"a": "a"}, package="faq", version="1", prefix=""))
    assert "faq: faq 1: apt-get is missing; it is part of Debian-based systems\n" == capfd.readouterr().err
