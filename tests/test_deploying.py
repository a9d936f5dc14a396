"""Procfile, Dockerfile, compose.yaml, the systemd unit and their page agree with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.commands import main
from bot.monitoring import Metrics
from config.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deploying.md"
UNIT = ROOT / "deploy" / "verbatim.service"
SETTINGS = {name.upper() for name in Settings.model_fields}
# Variables of the shell and of Python.
NOT_SETTINGS = {"PATH", "PYTHONUNBUFFERED"}


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _processes() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in _read("Procfile").splitlines())


def _run_command(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    python, *arguments = command.split()
    assert "python" == python
    # Run outside the checkout, which may have an operator's .env.
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "SEEDS_DIR": str(ROOT / "seeds"),
            "INDEX_DIR": str(folder / "index"),
            "MEANING": "off",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_procfile_defines_a_worker_and_a_release_check() -> None:
    """The Procfile defines `worker` and `release`, and no `web`, for which a host expects an open port."""
    assert {"release": "python -m bot check", "worker": "python -m bot"} == _processes()


def test_the_worker_of_the_procfile_is_the_bot(tmp_path: Path) -> None:
    """The worker starts the bot, which reports a missing token and exits with code 2."""
    process = _run_command(_processes()["worker"], tmp_path)
    assert (2, "") == (process.returncode, process.stdout)
    assert "TELEGRAM_TOKEN is not set" in process.stderr


def test_a_release_without_a_token_fails(tmp_path: Path) -> None:
    """The release check fails without a token, and names nothing else to fix."""
    process = _run_command(_processes()["release"], tmp_path)
    assert 1 == process.returncode
    fixes = [line for line in process.stdout.splitlines() if line.startswith("FIX")]
    assert 1 == len(fixes)
    assert "TELEGRAM_TOKEN is not set" in fixes[0]


def test_the_module_knows_every_command(tmp_path: Path) -> None:
    """`python -m bot` has the same commands as `verbatim`."""
    process = _run_command("python -m bot --help", tmp_path)
    _, commands = process.stdout.split("Commands:\n")
    assert list(main.commands) == re.findall(r"^  (\w+)", commands, re.MULTILINE)


def test_the_image_copies_what_exists_and_is_not_ignored() -> None:
    """Every file that the Dockerfile copies exists, and .dockerignore excludes all others."""
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) \S+$", _read("Dockerfile"), re.MULTILINE)
    assert [] == [path for path in copied if not (ROOT / path).exists()]
    ignored = _read(".dockerignore").splitlines()
    assert "*" == next(line for line in ignored if not line.startswith("#"))
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))


def test_the_image_has_all_packages_of_the_bot() -> None:
    """The image has the packages that the bot needs, and not the sandbox."""
    copied = set(re.findall(r"^COPY (\w+) \1$", _read("Dockerfile"), re.MULTILINE))
    assert {"bot", "config", "retrieval"} == copied


def test_the_image_runs_the_worker_as_an_unprivileged_user() -> None:
    """The container runs the Procfile's worker as a numeric user that is not root, and stops on SIGTERM."""
    final = _read("Dockerfile").rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):\d+$", final, re.MULTILINE)
    assert f"useradd --uid {user} " in final
    assert "0" != user
    (command,) = re.findall(r"^CMD \[(.*)\]$", final, re.MULTILINE)
    assert _processes()["worker"] == " ".join(re.findall(r'"([^"]+)"', command))
    assert "\nSTOPSIGNAL SIGTERM\n" in final


def test_the_image_installs_what_is_locked() -> None:
    """The image installs only wheels, and checks their hashes."""
    assert re.search(
        r"install .*--only-binary :all: --require-hashes -r requirements\.txt", _read("Dockerfile"), re.DOTALL
    )


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Dockerfile", r"^(?:ENV|   ) ([A-Z_]+)="),
        ("compose.yaml", r"^      ([A-Z_]+): "),
        ("deploy/verbatim.service", r"^Environment=([A-Z_]+)="),
    ],
)
def test_only_settings_that_exist_are_set(name: str, pattern: str) -> None:
    """Each file sets the folders of documents and of the index, and only settings that exist."""
    named = set(re.findall(pattern, _read(name), re.MULTILINE))
    assert {"SEEDS_DIR", "INDEX_DIR"} <= named
    assert set() == named - SETTINGS - NOT_SETTINGS


def test_the_folders_of_the_image_are_volumes_in_compose() -> None:
    """The folders in the settings are volumes, and the rest of the file system is read-only."""
    image, compose = _read("Dockerfile"), _read("compose.yaml")
    folders = dict(re.findall(r"^\s+((?:SEEDS|INDEX|COLLECTIONS)_DIR)=(\S+)", image, re.MULTILINE))
    assert folders == dict(re.findall(r"^\s+((?:SEEDS|INDEX|COLLECTIONS)_DIR): (\S+)", compose, re.MULTILINE))
    assert set(folders.values()) == set(re.findall(r"^      - \w+:(/\w+)$", compose, re.MULTILINE))
    assert all(f'"{folder}"' in image for folder in folders.values())
    assert "\n    read_only: true\n" in compose


def test_the_unit_confines_the_bot_to_its_folder() -> None:
    """Systemd runs the bot as an unprivileged user, lets it write to its folders only, and restarts it."""
    lines = [
        line.partition("=")[::2] for line in UNIT.read_text(encoding="utf-8").splitlines() if "=" in line
    ]
    unit = dict(lines)
    expected = {
        "User": "verbatim",
        "NoNewPrivileges": "true",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "true",
        "MemoryMax": "512M",
        "Restart": "always",
        "TimeoutStopSec": "15",
    }
    assert expected == {name: unit[name] for name in expected}
    assert unit["ExecStart"].endswith("/python -m bot")
    writable = {f"/var/lib/{name}" for name in unit["StateDirectory"].split()}
    assert writable >= {v.partition("=")[2] for k, v in lines if k == "Environment" and "_DIR=" in v}


def test_names_in_the_page_are_settings() -> None:
    """Every environment variable on the page is a setting."""
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)(?:=[^`]*|/[a-z]+)?`", page))
    named |= set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)*)=", page))
    assert {"TELEGRAM_TOKEN", "SEEDS_DIR", "INDEX_DIR", "WEBHOOK_URL", "PORT"} <= named
    assert set() == named - SETTINGS - {"NAME"}


def test_metrics_in_the_page_exist() -> None:
    """Every metric on the page, also in the alerts, is exported by the bot."""
    exported = set(re.findall(r"^# TYPE (\w+) ", Metrics().export().decode(), re.MULTILINE))
    named = set(re.findall(r"\bverbatim_[a-z_]+", PAGE.read_text(encoding="utf-8")))
    assert "verbatim_questions_total" in named
    assert set() == {name.removesuffix("_bucket") for name in named} - exported


def test_commands_in_the_page_exist() -> None:
    """Every command of the bot and every `make` target on the page exists."""
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:-m bot|`verbatim|bin/verbatim) ([a-z]+)", page))
    assert "check" in named
    assert set() == named - set(main.commands)
    targets = set(re.findall(r"^([a-z-]+):", _read("Makefile"), re.MULTILINE))
    assert set() == set(re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)) - targets


def test_the_page_shows_the_procfile_for_a_webhook() -> None:
    """The Procfile for a webhook differs only in the name of the process."""
    assert _read("Procfile").replace("worker: ", "web: ") in PAGE.read_text(encoding="utf-8")


def test_links_in_the_page_lead_somewhere() -> None:
    """Every relative link leads to an existing file, and to an existing heading if it names one."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) > 5
    assert [] == [link for link in links if not _leads_somewhere(link)]


def _leads_somewhere(link: str) -> bool:
    name, _, anchor = link.partition("#")
    page = PAGE.parent / name if name else PAGE
    if not anchor:
        return page.exists()
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {_anchor(line) for line in headings}
