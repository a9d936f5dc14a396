"""Documents are fetched from where their sources say, and only as they were."""

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

LEAVE, PAY, SCRIPT = "15 days.\r\n", "On the 25th.\n", "rm -r docs\n"


@dataclass(frozen=True)
class Repository:
    """A repository whose first commit is no branch's any more."""

    path: Path
    commit: str


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    path = tmp_path / "made" / "owner" / "handbook"
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
    sums = "\n".join(
        f"{json.dumps(path)} = {json.dumps(sha256(text.encode()))}" for path, text in files.items()
    )
    keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
    return (
        f'[[collection]]\nname = "{name}"\npart = "fit"\nlanguages = ["en"]\nabout = "a"\n'
        f'[[collection.source]]\nlicence = "CC0"\n{keys}\n[collection.source.files]\n{sums}\n'
    )


def _of(repository: Repository, files: Mapping[str, str], name: str = "handbook") -> str:
    address = repository.path.as_uri()
    return _entry(name, files, repository=address, commit=repository.commit, prefix="docs/")


def _fetch(tmp_path: Path, *entries: str, arguments: tuple[str, ...] = ()) -> int:
    sources = tmp_path / "sources.toml"
    sources.write_text("\n".join(entries), encoding="utf-8")
    return fetch.main(["--sources", str(sources), "--into", str(tmp_path / "into"), *arguments])


def _held(tmp_path: Path, name: str = "handbook") -> dict[str, str]:
    folder = tmp_path / "into" / name / "docs"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file()
    }


FILES = {"docs/pay and leave/leave.md": LEAVE, "docs/pay.md": PAY}


@pytest.mark.parametrize("is_partial", [True, False])
def test_a_commit_is_fetched_from_its_address(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str], *, is_partial: bool
) -> None:
    """Documents are those of the commit, byte for byte, also if the server sends more than is asked."""
    _git(repository.path, "config", "uploadpack.allowFilter", str(is_partial).lower())
    assert 0 == _fetch(tmp_path, _of(repository, FILES))
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _held(tmp_path)
    assert ("handbook: 2 of 2 documents\n", "") == capfd.readouterr()


@pytest.mark.parametrize("place", ["owner+handbook", "owner/handbook", "owner+handbook/repo"])
@pytest.mark.parametrize("kind", ["--bare", "--no-checkout"])
def test_a_commit_is_read_from_a_clone(tmp_path: Path, repository: Repository, place: str, kind: str) -> None:
    """A folder of clones stands in for the addresses, however they lie there."""
    (tmp_path / "clones").mkdir()
    _git(tmp_path, "clone", "--quiet", kind, str(repository.path), str(tmp_path / "clones" / place))
    shutil.rmtree(repository.path)
    assert 0 == _fetch(tmp_path, _of(repository, FILES), arguments=("--clones", str(tmp_path / "clones")))
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _held(tmp_path)


def test_what_is_missing_or_differs_is_named_and_the_others_are_fetched(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each document that is not as it was has its line and is not written; other collections follow."""
    wrong = FILES | {"docs/pay.md": "On the 1st.\n", "docs/gone.md": "Gone."}
    assert 1 == _fetch(tmp_path, _of(repository, wrong), _of(repository, FILES, "second"))
    assert {"pay and leave/leave.md": LEAVE} == _held(tmp_path)
    assert {"pay and leave/leave.md": LEAVE, "pay.md": PAY} == _held(tmp_path, "second")
    out, err = capfd.readouterr()
    assert "handbook: 1 of 3 documents\nsecond: 2 of 2 documents\n" == out
    where = f"{repository.path.as_uri()} {repository.commit}"
    assert [
        f"handbook: pay.md: differs in {where}",
        f"handbook: gone.md: missing in {where}",
    ] == err.splitlines()


def test_a_source_that_is_away_is_one_line(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """An address where nothing is, and a commit that is not there, are named once, and the others fetched."""
    away = _entry("away", FILES, repository=(tmp_path / "no").as_uri(), commit="1" * 40, prefix="docs/")
    lost = _of(Repository(repository.path, "1" * 40), FILES, "lost")
    assert 1 == _fetch(tmp_path, away, lost, _of(repository, FILES))
    out, err = capfd.readouterr()
    assert "away: 0 of 2 documents\nlost: 0 of 2 documents\nhandbook: 2 of 2 documents\n" == out
    assert ["away", "lost"] == [line.split(":")[0] for line in err.splitlines()]


def test_a_clone_that_is_not_there_is_named(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """With clones, no address is asked."""
    assert 1 == _fetch(tmp_path, _of(repository, FILES), arguments=("--clones", str(tmp_path)))
    assert f"no clone owner+handbook or owner/handbook in {tmp_path}" in capfd.readouterr().err


def test_what_is_there_is_not_fetched_again(tmp_path: Path, repository: Repository) -> None:
    """A complete collection needs no source; a document that was changed does."""
    entry = _of(repository, FILES)
    assert 0 == _fetch(tmp_path, entry)
    moved = repository.path.rename(tmp_path / "moved")
    assert 0 == _fetch(tmp_path, entry)
    (tmp_path / "into/handbook/docs/pay.md").write_text("Never.")
    assert 1 == _fetch(tmp_path, entry)
    moved.rename(repository.path)
    assert 0 == _fetch(tmp_path, entry)
    assert PAY == _held(tmp_path)["pay.md"]


def test_a_file_that_is_no_document_is_named_and_kept(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would be searched with the others; whose it is, is not ours to say."""
    _fetch(tmp_path, _of(repository, FILES))
    (tmp_path / "into/handbook/docs/mine.md").write_text("Mine.")
    assert 1 == _fetch(tmp_path, _of(repository, FILES))
    assert "handbook: mine.md: not a document of this collection; remove it\n" == capfd.readouterr().err
    assert "Mine." == _held(tmp_path)["mine.md"]


def test_a_link_is_no_document(tmp_path: Path, repository: Repository) -> None:
    """What a link in a repository names is not read."""
    (repository.path / "docs" / "link.md").symlink_to("/etc/passwd")
    _git(repository.path, "add", ".")
    _git(repository.path, "commit", "--quiet", "--message", "Three")
    latest = Repository(repository.path, _git(repository.path, "rev-parse", "HEAD"))
    assert 1 == _fetch(tmp_path, _of(latest, {"docs/link.md": "/etc/passwd"}))
    assert {} == _held(tmp_path)


def test_a_document_stays_in_its_folder(tmp_path: Path, repository: Repository) -> None:
    """A name that leads elsewhere is refused before anything is fetched."""
    with pytest.raises(ValueError, match="not below the folder"):
        _fetch(tmp_path, _of(repository, {"docs/../../../clean.sh": SCRIPT}))


def test_an_unknown_collection_is_a_wrong_call(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    """A name that is misspelt fetches nothing, and the right ones are told."""
    assert 2 == _fetch(tmp_path, _of(repository, FILES), arguments=("handbok",))
    assert "no such collection: handbok; there are handbook\n" == capfd.readouterr().err


def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a package, and an apt-get that has it in version 2 only."""
    made = tmp_path / "package"
    (made / "DEBIAN").mkdir(parents=True)
    control = "Package: faq\nVersion: 2\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n"
    (made / "DEBIAN" / "control").write_text(control)
    (made / "usr/share/doc/faq").mkdir(parents=True)
    (made / "usr/share/doc/faq/pay.html").write_text(PAY)
    subprocess.run(["dpkg-deb", "--build", made, tmp_path / "faq.deb"], check=True, capture_output=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text(
        f'#!/bin/sh\ncase "$*" in *=1) echo "E: no version 1" >&2; exit 100;; esac\ncp {tmp_path}/faq.deb .\n'
    )
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing")
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_package_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """The version that is wanted, or whichever the archive has: the sums tell whether it is the same."""
    _package(tmp_path, monkeypatch)
    files = {"usr/share/doc/faq/pay.html": PAY}
    assert 0 == _fetch(
        tmp_path, _entry("faq", files, package="faq", version=version, prefix="usr/share/doc/")
    )
    assert {"faq/pay.html": PAY} == _held(tmp_path, "faq")


def test_a_package_needs_the_tools_of_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Elsewhere, the tool that is missing is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert 1 == _fetch(tmp_path, _entry("faq", {"a": "a"}, package="faq", version="1", prefix=""))
    assert "faq: faq 1: apt-get is missing; Debian and its relatives have it\n" == capfd.readouterr().err
