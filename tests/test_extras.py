"""The bot works without the packages of its extras."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = {
    name: [Requirement(line).name for line in lines]
    for name, lines in PROJECT["project"]["optional-dependencies"].items()
}
# None in sys.modules makes the import fail, and find_spec find nothing.
CODE = (
    "import sys; blocked, *sys.argv[1:] = sys.argv[1:]; "
    "sys.modules |= dict.fromkeys(blocked.split(',')); from bot.cli.commands import main; main()"
)


def _run_without(packages: list[str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PYTHONPATH": str(ROOT),
        "SEEDS_DIR": str(ROOT / "seeds"),
        "INDEX_DIR": str(folder / "index"),
        "MEANING": "auto",
    }
    command = [sys.executable, "-c", CODE, ",".join(packages), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("extra", EXTRAS)
def test_commands_work_without_an_extra(extra: str, tmp_path: Path) -> None:
    """Without the packages of an extra the help is complete and a question is answered, without a warning."""
    shown = _run_without(EXTRAS[extra], tmp_path, "--help")
    assert (0, "") == (shown.returncode, shown.stderr)
    answered = _run_without(EXTRAS[extra], tmp_path, "ask", "How many checkpoints does Turkey have in Idlib?")
    assert (0, "") == (answered.returncode, answered.stderr)
    assert "12 checkpoints" in answered.stdout


def test_asking_needs_neither_telegram_nor_a_server(tmp_path: Path) -> None:
    """`verbatim ask` answers without the packages that only the running bot and the cluster need."""
    packages = [
        "telegram",
        "httpx",
        "starlette",
        "uvicorn",
        "python_multipart",
        "prometheus_client",
        "watchfiles",
    ]
    answered = _run_without(packages, tmp_path, "ask", "How many checkpoints does Turkey have in Idlib?")
    assert (0, "") == (answered.returncode, answered.stderr)


def test_extras_are_documented() -> None:
    """README names every extra in its command for pipx."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (named,) = re.findall(r'pipx install "[^"\[]+\.whl\[([\w,]+)\]"', readme)
    assert set(EXTRAS) == set(named.split(","))
