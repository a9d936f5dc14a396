"""The evaluation set is what its README says, and the figures on it are not below their floors."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli.commands import main
from retrieval.embeddings.encoder import is_installed
from retrieval.loaders.formats import load

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
QUESTIONS = HERE / "questions.jsonl"


@pytest.fixture(scope="module")
def rows() -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


@pytest.mark.skipif(not is_installed(), reason="the floors are of answers that compare meanings")
def test_no_figure_is_below_its_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make eval` checks holds."""
    monkeypatch.chdir(tmp_path)
    # The handler it sets would outlive the stream that it writes to here.
    monkeypatch.setattr("config.logging.configure", lambda *_: None)
    monkeypatch.setenv("INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("QUOTE_CHARS", "300")
    monkeypatch.setenv("MEANING", "auto")
    floors = HERE / "floors.json"
    command = ["eval", "--docs", str(DOCUMENTS), "--floors", str(floors), "--no-misses", str(QUESTIONS)]
    done = CliRunner().invoke(main, command)
    assert 0 == done.exit_code, done.output


def test_every_answer_stands_once_and_in_its_document(rows: Sequence[dict[str, Any]]) -> None:
    """An answer stands in the document that is named, and nowhere else, where it would answer nothing."""
    held = {
        path.relative_to(DOCUMENTS).as_posix(): load(path.read_bytes(), path.name).text.casefold()
        for path in DOCUMENTS.rglob("*.*")
    }
    for row in rows:
        for answer in row["answers"]:
            counts = {name: text.count(answer.casefold()) for name, text in held.items()}
            assert {row["document"]: 1} == {name: n for name, n in counts.items() if n}, row["id"]
        assert bool(row["answers"]) == ("document" in row)


def test_the_set_is_as_large_as_its_readme_says(rows: Sequence[dict[str, Any]]) -> None:
    """Ids are unique, and the counts in the README are those of the file."""
    answerable = [row for row in rows if row["answers"]]
    near, absent = ([row for row in rows if row["kind"] == kind] for kind in ("near", "absent"))
    told = " ".join((HERE / "README.md").read_text(encoding="utf-8").split())
    assert len(rows) == len({row["id"] for row in rows})
    assert f"{len(rows)} questions" in told
    none = f"{len(rows) - len(answerable)} have none ({len(near)} `near`, {len(absent)} `absent`)"
    assert f"{len(answerable)} questions have an answer; {none}" in told
