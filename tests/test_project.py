"""README, settings, requirements and the wheel agree with the code."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bot.cli.commands import main
from config.settings import Settings
from retrieval.loaders.formats import LOADERS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


ALL_DEPENDENCIES = [
    *PROJECT["project"]["dependencies"],
    *(line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra),
]


def _pinned(name: str) -> set[tuple[str, str]]:
    """Return names and versions. A package may have several versions, for different Python versions."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.finditer(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", text, re.MULTILINE)
    return {(pin[1].lower(), pin[2]) for pin in pins}


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_commands_in_the_pages_exist(page: str) -> None:
    """Every `make` target and `verbatim` command on the page exists."""
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set() == set(re.findall(r"(?:^|`|^\$ )make ([a-z-]+)", page, re.MULTILINE)) - targets
    assert set() == set(re.findall(r"[`/]verbatim ([a-z]+)", page)) - set(main.commands)


@pytest.mark.parametrize("name", main.commands)
def test_every_command_has_help_and_a_place_in_the_readme(name: str) -> None:
    """Every command and option has help, and the README names every command."""
    assert main.commands[name].help
    assert f"`verbatim {name}" in README
    for parameter in main.commands[name].params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None)


def test_every_target_is_phony() -> None:
    """Every target is phony, so a file of the same name does not disable it."""
    (phony,) = re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_every_setting_is_documented() -> None:
    """Every setting is documented under the name of its environment variable."""
    documented = set(re.findall(r"`([A-Z_]+)`", CONFIGURATION))
    assert set() == {name.upper() for name in Settings.model_fields} - documented


@pytest.mark.parametrize("name", ["configuration.md", "commands.md"])
def test_generated_tables_are_up_to_date(name: str) -> None:
    """The tables of settings and commands match the code. `make docs` updates them."""
    code = (
        "import sys; sys.path.insert(0, 'docs'); import reference as r; p = r.ROOT / 'docs' / sys.argv[1]; "
    )
    process = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(p.read_text('utf-8') != r.updated(p))", name],
        cwd=ROOT,
        check=False,
    )
    assert 0 == process.returncode


def test_every_format_is_documented() -> None:
    """The page on documents lists exactly the formats that have a loader."""
    (formats,) = re.findall(r"^.*Verbatim reads (`\.\w+`.*?), in any language", DOCUMENTS, re.MULTILINE)
    assert set(LOADERS) == set(re.findall(r"`(\.\w+)`", formats))


def test_links_in_the_pages_lead_somewhere() -> None:
    """Every relative link leads to an existing file."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests" / "eval" / "README.md"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"""(?:\]\(|src=")(?!https?:)([^)#"]+)[)#"]""", text):
            assert (page.parent / path).exists(), (page, path)


def test_requirements_are_locked() -> None:
    """Dependencies are pinned with hashes and without an index, to the versions that the tests run with."""
    runtime, dev = _pinned("requirements.txt"), _pinned("requirements-dev.txt")
    dependencies = {re.split(r"[\[><=]", line)[0].lower() for line in ALL_DEPENDENCIES}
    dev_dependencies = {re.split(r"[\[><=]", line)[0].lower() for line in PROJECT["dependency-groups"]["dev"]}
    assert set() == dependencies - {name for name, _ in runtime}
    assert set() == dev_dependencies - {name for name, _ in dev}
    assert set() == runtime - dev
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-docs.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert len(_pinned(name)) == len(re.findall(r"^\S+==.*\\\n +--hash=sha256:", text, re.MULTILINE))
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_extras_of_requirements_are_pinned() -> None:
    """A pin names all extras that other packages require, or pip would choose another version."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        pins = re.findall(
            r"^([\w.-]+)(\[[\w,-]+\])?==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE
        )
        extras = dict(pins)
        for project in extras:
            try:
                requirements = importlib.metadata.requires(project) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # not installed on this platform
            for requirement in map(Requirement, requirements):
                required = canonicalize_name(requirement.name)
                if requirement.extras and required in extras and _applies(requirement):
                    assert all(extra in extras[required] for extra in requirement.extras), (
                        name,
                        str(requirement),
                    )


def _applies(requirement: Requirement) -> bool:
    """Return whether a requirement applies on this platform when no extra is installed."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _imports(folders: Iterable[str]) -> dict[str, str]:
    """Return the names of the packages that modules import, each with a module that does."""
    imported: dict[str, str] = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            else:
                continue
            imported |= {name.partition(".")[0]: str(path) for name in names}
    return imported


@pytest.mark.parametrize(
    ("folders", "declared"),
    [
        (["bot", "config", "retrieval", "sandbox"], ALL_DEPENDENCIES),
        (["tests"], ALL_DEPENDENCIES + PROJECT["dependency-groups"]["dev"]),
    ],
    ids=["runtime", "tests"],
)
def test_imports_are_declared(folders: list[str], declared: list[str]) -> None:
    """Every package that is imported is named in pyproject.toml, not only required by another one."""
    ours = {"bot", "config", "retrieval", "sandbox", "tests", "benchmarks", *sys.stdlib_module_names}
    projects = {canonicalize_name(Requirement(line).name) for line in declared}
    packages = importlib.metadata.packages_distributions()
    undeclared = {
        package: module
        for package, module in _imports(folders).items()
        if package not in ours
        and projects.isdisjoint(canonicalize_name(project) for project in packages.get(package, []))
    }
    assert {} == undeclared


def test_the_version_is_the_same_everywhere() -> None:
    """`verbatim --version`, pyproject.toml and the newest heading of the changelog have the same version."""
    version = PROJECT["project"]["version"]
    assert f"/{PROJECT['project']['name'].replace('-', '_')}-{version}-py3-none-any.whl" in README
    assert f"verbatim {version}\n" == CliRunner().invoke(main, ["--version"]).output
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert version == re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)[0]


def test_the_wheel_carries_what_is_not_python(tmp_path: Path) -> None:
    """The wheel has the files of the four packages, with the chat page, and the example document."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packaged = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("bot", "config", "retrieval", "sandbox")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected | {f"bot/example/{path.name}" for path in ROOT.glob("seeds/000_*.txt")} == packaged
    assert "sandbox/page/index.html" in packaged


def test_architecture_names_what_exists() -> None:
    """Every module and folder that ARCHITECTURE.md names exists."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bot|config|retrieval|sandbox|tests)/[\w/.-]*)`", text))
    assert len(named) > 40
    assert set() == {path for path in named if not (ROOT / path).exists()}


def test_architecture_diagram_is_up_to_date() -> None:
    """The diagram matches the imports of the code. `make diagram` updates it."""
    code = (
        "import sys; sys.path.insert(0, 'docs'); import architecture_diagram as d; t = d.FILE.read_text(); "
    )
    process = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(t != d.update_diagram(t))"], cwd=ROOT, check=False
    )
    assert 0 == process.returncode
