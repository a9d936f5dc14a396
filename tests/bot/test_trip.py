"""The modules that a question goes through, which ARCHITECTURE.md lists for newcomers."""

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from tests.bot.update_builders import deliver, message

ROOT = Path(__file__).parents[2]
QUESTION = "How many arches does the bridge of Oberau have?"
MAX_MODULES = 20


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder | None) -> LocalLibrary:
    (tmp_path / "bridge.txt").write_text(
        "The bridge of Oberau was built in 1791.\n\nThe bridge of Oberau has seven arches of red stone.\n",
        encoding="utf-8",
    )
    (tmp_path / "mill.txt").write_text("The mill grinds rye and barley.\n", encoding="utf-8")
    library = LocalLibrary.open(tmp_path, encoder=encoder)
    library.encode()
    return library


@pytest.fixture
def encoder(request: pytest.FixtureRequest) -> Encoder | None:
    return load_encoder() if request.param else None


@pytest.mark.parametrize(
    "encoder",
    [
        False,
        pytest.param(
            True,
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(not is_installed(), reason="no encoder is installed"),
            ],
        ),
    ],
    indirect=True,
    ids=["words", "encoder"],
)
async def test_modules_of_a_question(encoder: Encoder | None, application: Any, telegram: Any) -> None:
    """A question runs code of the listed modules from its handler to the message sent, and of no others."""
    modules: set[str] = set()
    callers: set[CodeType] | None = None

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal callers
        if callers is None and frame.f_code.co_name == "answer_question":
            callers = set(_callers(frame))
        # A coroutine is called again whenever it goes on.
        if event == "call" and callers is not None and frame.f_code not in callers:
            modules.add(frame.f_code.co_filename)

    # Threads that start later are noted, too.
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        await deliver(application, message=message(QUESTION))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert "seven arches" in telegram.texts()[-1]
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## One question\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"^\| \d+ \| `(\S+\.py)` \|", section, re.MULTILINE)
    expected = {name for name in listed if encoder or not name.startswith("retrieval/embeddings/")}
    assert expected == {name for file in modules if (name := _product_module(file))}
    assert MAX_MODULES >= len(listed)


def _callers(frame: FrameType) -> Iterator[CodeType]:
    while frame.f_back:
        frame = frame.f_back
        yield frame.f_code


def _product_module(file: str) -> str | None:
    """Return the path of a module of the product; None for any other file and for a package."""
    path = Path(file)
    if not path.is_relative_to(ROOT) or path.name == "__init__.py":
        return None
    name = path.relative_to(ROOT).as_posix()
    return name if name.startswith(("bot/", "retrieval/", "config/")) else None
