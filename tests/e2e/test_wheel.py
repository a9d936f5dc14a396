"""The built wheel, installed outside the checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.control_client import Sandbox

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
QUESTION = "How many checkpoints does Turkey have in Idlib?"
TIMEOUT_SECONDS = 20.0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a new environment with the wheel, which sees the libraries of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    # Paths in a .pth file are searched last, and .pth files in them are not read: the checkout stays hidden.
    paths = [path for path in sys.path if Path(path).name == "site-packages"]
    assert sysconfig.get_path("purelib") in paths
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text("\n".join(paths), encoding="utf-8")
    return environment / "bin"


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "INDEX_DIR": str(folder / "index"),
        "MEANING": "off",
    }


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def sandbox_process(installed: Path, empty: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [str(installed / "verbatim"), "sandbox", "--port", "0"],
        cwd=empty,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert [] == list(empty.iterdir())


def test_the_code_is_that_of_the_wheel(installed: Path, empty: Path, tmp_path: Path) -> None:
    """All packages are imported from the new environment, and the command prints the version."""
    code = "import bot, config, retrieval, sandbox; print(bot.__file__, config.__file__, retrieval.__file__)"

    def output(*command: str) -> str:
        return subprocess.check_output(command, cwd=empty, env=_environment(tmp_path), text=True)

    files = output(str(installed / "python"), "-c", code).split()
    assert all(Path(file).is_relative_to(installed.parent) for file in files)
    version = output(str(installed / "verbatim"), "--version")
    assert re.fullmatch(r"verbatim \d+\.\d+\.\d+\n", version)


async def test_the_sandbox_answers_in_an_empty_folder(
    sandbox_process: subprocess.Popen[str], installed: Path
) -> None:
    """In an empty folder, `verbatim sandbox` says that it has an example, and answers a question about it."""
    lines = []
    assert sandbox_process.stdout
    for line in sandbox_process.stdout:
        lines.append(line)
        if match := re.search(r"Open (http://127\.0\.0\.1:\d+/) in a browser", line):
            break
    else:
        pytest.fail(sandbox_process.stderr.read() if sandbox_process.stderr else "")
    assert re.match(
        r"There is no folder seeds/ here, so the bot answers from the example in (\S+)\. ", lines[0]
    )
    assert str(installed.parent) in lines[0]
    assert QUESTION in lines[-1]
    async with Sandbox.at(match[1]) as sandbox:
        assert "<!doctype html>" in (await sandbox.http.get(match[1])).text
        chat = await sandbox.private_chat()
        await chat.send(QUESTION)
        assert "12 checkpoints" in (await chat.next_message()).text


def test_a_folder_that_is_named_has_to_exist(installed: Path, empty: Path, tmp_path: Path) -> None:
    """The example does not replace a folder that SEEDS_DIR or --docs names."""
    for arguments, environment in ((["--docs", "papers"], {}), ([], {"SEEDS_DIR": "papers"})):
        process = subprocess.run(
            [str(installed / "verbatim"), "sandbox", *arguments],
            cwd=empty,
            env=_environment(tmp_path) | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (2, "") == (process.returncode, process.stdout)
        assert "papers: no such folder of documents" in process.stderr
