"""`make check` finds locked versions with a published vulnerability."""

import re
from pathlib import Path

import pytest

from tests import audit

PYPROJECT = '[project]\ndependencies = ["h11>=0.16"]\n'
VULNERABLE = (
    "h11==0.14.0 \\\n    --hash=sha256:00\nidna==3.20 ; python_version < '3.12' \\\n    --hash=sha256:00\n"
)


def _project(folder: Path, requirements: str, pyproject: str = PYPROJECT) -> Path:
    (folder / "requirements-dev.txt").write_text(requirements, encoding="utf-8")
    (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    return folder


def test_the_locked_versions_have_no_known_vulnerability() -> None:
    """No locked version, and no lowest version in pyproject.toml, is on the list."""
    assert 0 == audit.main()


def test_a_vulnerable_pin_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A vulnerable pin fails the check; its line has the file, the version and the advisory."""
    assert 1 == audit.main(_project(tmp_path, VULNERABLE))
    assert (
        "requirements-dev.txt: h11 0.14.0 has CVE-2025-43859 (affected: <0.16.0)\n" == capsys.readouterr().out
    )


def test_a_vulnerable_lowest_version_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lowest version that pyproject.toml allows is checked too, also in an extra."""
    pyproject = '[project]\ndependencies = []\n[project.optional-dependencies]\nweb = ["H11[x]>=0.14,<1"]\n'
    assert 1 == audit.main(_project(tmp_path, "", pyproject))
    assert capsys.readouterr().out.startswith("pyproject.toml: h11 0.14 has CVE-2025-43859")


@pytest.mark.parametrize(
    ("version", "expected"), [("1.4", 0), ("1.5", 1), ("1.5.9", 1), ("1.6", 0), ("1.10", 0), ("2.0rc1", 0)]
)
def test_versions_are_compared_as_versions(version: str, expected: int) -> None:
    """A range has its lower bound, not its upper one; versions are not compared as text."""
    advisories = [audit.Advisory.of({"package": "A.b", "affected": ">=1.5,<1.6", "id": "CVE-1"})]
    assert expected == len(audit.findings("file", [("a-b", version)], advisories))


def test_names_with_extras_and_capitals_are_pins() -> None:
    """A pin may have capitals, extras and a marker."""
    text = "PyYAML[a,b]==6.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n# via h11==1\nx_y==1.2.3\n"
    assert [("pyyaml", "6.0"), ("x-y", "1.2.3")] == list(audit.pins(text))


def test_the_list_is_complete() -> None:
    """Every entry has a package, a range and a public identifier, once, in order."""
    advisories = audit.read_advisories()
    assert len(advisories) > 40
    assert all(str(advisory.affected) for advisory in advisories)
    assert all(
        re.fullmatch(r"CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+", advisory.id)
        for advisory in advisories
    )
    assert len({(advisory.package, advisory.id) for advisory in advisories}) == len(advisories)
    assert [advisory.package for advisory in advisories] == sorted(
        advisory.package for advisory in advisories
    )
