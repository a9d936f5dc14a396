"""Workflows, templates and other YAML files agree with the Makefile, pyproject.toml and the tree."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ISSUE_FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
FILES = [
    *WORKFLOWS,
    *ISSUE_FORMS,
    ROOT / ".github" / "dependabot.yml",
    ROOT / ".pre-commit-config.yaml",
    ROOT / "mkdocs.yml",
    *ROOT.glob("**/compose.yaml"),
]


def _read(path: Path) -> Any:
    # BaseLoader keeps every value as text: `on` is a key, and 3.10 is not 3.1.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in _read(path)["jobs"].items():
            yield f"{path.name}:{name}", job


def _steps() -> Iterator[dict[str, Any]]:
    for _, job in _jobs():
        yield from job.get("steps", [])


def _commands() -> str:
    return "\n".join(step["run"] for step in _steps() if "run" in step)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_yaml_file_can_be_read(path: Path) -> None:
    """Every YAML file is a mapping."""
    assert isinstance(_read(path), dict)


def test_commands_of_the_workflows_exist() -> None:
    """Workflows run make targets and test files that exist, and install a list that exists."""
    commands = _commands()
    targets = set(re.findall(r"\bmake ([a-z-]+)", commands))
    assert {"check", "test", "test-opensearch", "docs", "dist"} <= targets
    assert set() == targets - set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    paths = re.findall(r"\btests/[\w/.]+|\brequirements[\w.-]*\.txt", commands)
    assert len(paths) > 5
    assert [] == [path for path in paths if not (ROOT / path).exists()]


def test_commands_of_the_pre_commit_hooks_exist() -> None:
    """Hooks run tools that `make check` runs too."""
    (recipe,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    hooks = [
        hook
        for repository in _read(ROOT / ".pre-commit-config.yaml")["repos"]
        for hook in repository["hooks"]
    ]
    tools = {re.sub(r"^\.venv/", "", hook["entry"]).removesuffix(" --force-exclude") for hook in hooks}
    checks = set(re.findall(r"@\$\(BIN\)/(.*)", recipe))
    assert {f"bin/{check.removesuffix(' .').removesuffix(' --check')}" for check in checks} == tools


def test_python_versions_agree() -> None:
    """Tests run with every Python version that the classifiers name, from the lowest that is allowed."""
    (versions,) = (
        job["strategy"]["matrix"]["python"]
        for _, job in _jobs()
        if "python" in job.get("strategy", {}).get("matrix", {})
    )
    named = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if ":: 3." in line]
    assert named == versions
    required = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [] == [version for version in versions if version not in required]
    lowest = int(versions[0].partition(".")[2])
    assert f"3.{lowest - 1}" not in required
    setups = {step["with"]["python-version"] for step in _steps() if "setup-python" in step.get("uses", "")}
    assert set() == setups - {*versions, "${{ matrix.python }}"}


def test_actions_are_pinned() -> None:
    """Every action is pinned to a commit, with its version in a comment, and to the same one everywhere."""
    lines = [
        line
        for path in WORKFLOWS
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    pins: dict[str, str] = {}
    for line in lines:
        if "uses: ./" in line:
            assert (ROOT / line.partition("uses: ./")[2]).exists()
            continue
        match = re.search(r"uses: ([\w./-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$", line)
        assert match, line
        assert match[2] == pins.setdefault(match[1], match[2])


def test_jobs_are_confined() -> None:
    """Every workflow can only read the repository, every job has a timeout, and only one gets an identity."""
    assert all(_read(path)["permissions"] == {"contents": "read"} for path in WORKFLOWS)
    assert [] == [name for name, job in _jobs() if "uses" not in job and "timeout-minutes" not in job]
    rights = {name: job["permissions"] for name, job in _jobs() if "permissions" in job}
    assert {"release.yml:publish": {"id-token": "write"}} == rights
    checkouts = [step for step in _steps() if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"] == {"persist-credentials": "false"} for step in checkouts)


def test_needed_jobs_exist() -> None:
    """A job only waits for jobs of its workflow; both kinds of release wait for the tests."""
    for path in WORKFLOWS:
        jobs = _read(path)["jobs"]
        assert set() == {need for job in jobs.values() for need in job.get("needs", [])} - set(jobs)
    release = _read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert all("tests" in release[name]["needs"] for name in ("publish", "image"))


def test_updates_are_proposed_for_what_exists() -> None:
    """Each folder that Dependabot looks at has the file that it looks for."""
    files = {
        "github-actions": ".github/workflows",
        "docker": "Dockerfile",
        "maven": "pom.xml",
        "pip": "requirements.txt",
    }
    updates = _read(ROOT / ".github" / "dependabot.yml")["updates"]
    assert set(files) == {update["package-ecosystem"] for update in updates}
    for update in updates:
        assert (ROOT / update["directory"].strip("/") / files[update["package-ecosystem"]]).exists()


def test_issue_forms_are_complete() -> None:
    """Each form has what GitHub requires, with ids that are used once."""
    forms = [path for path in ISSUE_FORMS if path.name != "config.yml"]
    assert len(forms) == 2
    for path in forms:
        form = _read(path)
        assert all(form[key] for key in ("name", "description", "body"))
        fields = [part for part in form["body"] if part["type"] != "markdown"]
        assert len(fields) == len({field["id"] for field in fields})
        assert all(field["attributes"]["label"] for field in fields)


def test_what_other_systems_test_needs_no_posix_modules() -> None:
    """The tests that run on Windows import nothing that is missing there."""
    (command,) = re.findall(r"^python -m pytest (tests/.*)$", _commands(), re.MULTILINE)
    code = (
        "import sys, pytest; sys.modules |= dict.fromkeys(['fcntl', 'grp', 'pwd', 'resource', 'termios']); "
        "sys.exit(pytest.main(['--collect-only', '-qq', '-p', 'no:cacheprovider', *sys.argv[1:]]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == process.returncode, process.stdout


def test_links_of_the_website() -> None:
    """On the website, links lead to the pages that were added, and a link to another file is its text."""
    code = (
        "import sys; sys.path.insert(0, 'docs'); import site_hooks as s; print(s.site_links(*sys.argv[1:]))"
    )

    def links(markdown: str, uri: str) -> str:
        command = [sys.executable, "-c", code, markdown, uri]
        return subprocess.check_output(command, cwd=ROOT, text=True).rstrip("\n")

    assert "[a](using.md#x) b [c](changelog.md)" == links(
        "[a](docs/using.md#x) [b](Makefile) [c](CHANGELOG.md)", "index.md"
    )
    assert '![](pictures/p.png) <img src="pictures/q.png">' == links(
        '![](docs/pictures/p.png) <img src="docs/pictures/q.png">', "index.md"
    )
    assert "unit [b](../security-policy.md) [c](https://x.org) [d](#e)" == links(
        "[unit](../../deploy/verbatim.service) [b](../../SECURITY.md) [c](https://x.org) [d](#e)",
        "decisions/0001-x.md",
    )
