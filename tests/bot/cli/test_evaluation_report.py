"""The report of `verbatim eval`, as text and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.commands import main

QUESTIONS = [
    {"question": "Who built the tower of Nordholm?", "answers": ["Clara Brandt"], "document": "tower.txt"},
    {"question": "When was the tower of Nordholm built?", "answers": ["in 1900"], "of": "日本"},
    {"question": "zxqv bnmw?", "answers": [], "of": "x\x1b[2J"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    fact = "The tower of Nordholm was built in 1874 by the engineer Clara Brandt.\n"
    (tmp_path / "docs" / "tower.txt").write_text(fact, encoding="utf-8")
    (tmp_path / "docs" / "rope.txt").write_text("A rope of hemp is fixed to the wall.\n", encoding="utf-8")
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # Its log handler would outlive the output stream of the test.
    monkeypatch.setattr("config.logging.configure", lambda *_: None)
    monkeypatch.setenv("INDEX_DIR", str(tmp_path / "index"))
    return tmp_path


def _eval(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["eval", "--docs", "docs", *arguments, "q.jsonl"])


def _rows(output: str) -> Sequence[list[str]]:
    return [line.split() for line in output.splitlines()]


@pytest.mark.usefixtures("folder")
def test_text_report() -> None:
    """The report has metrics with their descriptions, a table per label, and each miss with its quote."""
    result = _eval("--by", "of")
    assert 0 == result.exit_code, result.output
    assert result.output.startswith("3 questions: 2 with an answer, 1 without\n\n")
    rows = _rows(result.output)
    assert ["quote@1", "0.500"] in [row[:2] for row in rows]
    assert ["verbatim", "1.000"] in [row[:2] for row in rows]
    assert ["of", "n", "hit@1", "hit@5", "mrr", "quote@1"] in [row[:6] for row in rows]
    assert ["日本", "1", "-", "-", "-", "0.000"] in [row[:6] for row in rows]
    assert "\x1b" not in result.output
    assert (
        "Answered with a wrong quote: 1\n\nline 2: When was the tower of Nordholm built?\n" in result.output
    )
    assert "  expected: in 1900\n  quoted: The tower of Nordholm was built in 1874" in result.output
    assert "the answer is in none of the quotes" in result.output
    assert "line 2" not in _eval("--no-misses").output


@pytest.mark.usefixtures("folder")
def test_json_report() -> None:
    """With --json the output is one object with the same content."""
    result = _eval("--json", "--by", "of")
    content = json.loads(result.output)
    assert (3, 2, 0.5, 1.0) == tuple(
        content["all"][name] for name in ("questions", "answerable", "quote@1", "hit@1")
    )
    assert {"日本", "x\x1b[2J", ""} == set(content["by"]["of"])
    assert [("wrong", 2, ["in 1900"], None, "tower.txt")] == [
        (miss["miss"], miss["line"], miss["answers"], miss["answer_rank"], miss["quote_document"])
        for miss in content["misses"]
    ]
    assert "misses" not in json.loads(_eval("--json", "--no-misses").output)


def test_floors(folder: Path) -> None:
    """The exit code is 0 at the floors, 1 below one, which is marked, and 2 for another digest."""
    floors = folder / "floors.json"
    floors.write_text('{"digest": "", "all": {"quote@1": 0.5}}', encoding="utf-8")
    result = _eval("--floors", "floors.json")
    assert 2 == result.exit_code
    digest = result.output.split("got ")[1].split(".")[0]
    floors.write_text(f'{{"digest": "{digest}", "all": {{"quote@1": 0.5}}}}', encoding="utf-8")
    at_floor = _eval("--floors", "floors.json")
    assert (0, ["all", "quote@1", "0.500", "0.500", "+0.000"]) == (
        at_floor.exit_code,
        _rows(at_floor.output)[-3],
    )
    floors.write_text(f'{{"digest": "{digest}", "all": {{"quote@1": 0.75}}}}', encoding="utf-8")
    below = _eval("--floors", "floors.json")
    expected = ["all", "quote@1", "0.500", "0.750", "-0.250", "BELOW"]
    assert (1, expected) == (below.exit_code, _rows(below.output)[-3])
    assert below.output.endswith("1 of 1 figures below their floors\n")
    (check,) = json.loads(_eval("--json", "--floors", "floors.json").output)["floors"]
    assert {"of": "all", "figure": "quote@1", "floor": 0.75, "is": 0.5, "held": False} == check


def test_invalid_input(folder: Path) -> None:
    """An invalid line, an unknown key and a missing file exit with code 2 and one line of output."""
    unknown = _eval("--by", "colour")
    assert (2, "verbatim: q.jsonl: --by colour: no line has this key with a text\n") == (
        unknown.exit_code,
        unknown.output,
    )
    (folder / "q.jsonl").write_text('{"question": "Who?", "answers": "Ada"}\n', encoding="utf-8")
    invalid = _eval()
    expected = 'verbatim: q.jsonl: line 1: answers: "Ada" is not a list; write [] if there is no answer\n'
    assert (2, expected) == (invalid.exit_code, invalid.output)
    (folder / "q.jsonl").unlink()
    assert 2 == _eval().exit_code
