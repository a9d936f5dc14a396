"""`python -m tests.audit` compares the locked dependencies with a list of vulnerable versions, offline.

advisories.json has one entry for each advisory: the package, the versions it affects, and its identifier.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ADVISORIES = Path(__file__).with_name("advisories.json")
_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Advisory:
    """A published vulnerability: the canonical name of a package, and the versions that have it."""

    package: str
    affected: SpecifierSet
    id: str

    @classmethod
    def of(cls, entry: dict[str, str]) -> Self:
        return cls(canonicalize_name(entry["package"]), SpecifierSet(entry["affected"]), entry["id"])


def read_advisories(path: Path = ADVISORIES) -> list[Advisory]:
    """Return the advisories of a file."""
    return [Advisory.of(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def pins(requirements: str) -> Iterator[tuple[str, str]]:
    """Yield the name and version of each pinned package of a requirement list."""
    for pin in _PIN.finditer(requirements):
        yield canonicalize_name(pin[1]), pin[2]


def lowest_versions(pyproject: str) -> Iterator[tuple[str, str]]:
    """Yield the name and lowest version of each dependency that has one."""
    project = tomllib.loads(pyproject)
    extras = project["project"].get("optional-dependencies", {})
    for line in [*project["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]:
        requirement = Requirement(line)
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                yield canonicalize_name(requirement.name), specifier.version


def findings(name: str, versions: Iterable[tuple[str, str]], advisories: list[Advisory]) -> list[str]:
    """Return a line for each version of the file `name` that has a vulnerability."""
    return [
        f"{name}: {package} {version} has {advisory.id} (affected: {advisory.affected})"
        for package, version in versions
        for advisory in advisories
        if package == advisory.package and advisory.affected.contains(version, prereleases=True)
    ]


def main(root: Path = ROOT) -> int:
    """Print the findings in the requirement lists and in pyproject.toml; return 1 if there are any."""
    advisories = read_advisories()
    lines = []
    for path in sorted([*root.glob("requirements*.txt"), *root.glob("benchmarks/requirements.txt")]):
        name = path.relative_to(root).as_posix()
        lines += findings(name, pins(path.read_text(encoding="utf-8")), advisories)
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
    lines += findings("pyproject.toml", lowest_versions(pyproject), advisories)
    print("\n".join(lines) if lines else f"No locked version has one of {len(advisories)} vulnerabilities.")  # noqa: T201
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
