"""The file of floors, and the comparison of metrics with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval import evaluation
from retrieval.evaluation import Case, FloorCheck, FloorError, Outcome
from retrieval.model import Answer

DECLINED = Outcome(Case("q1", (), None, {"kind": "far"}), Answer("q1", "none", 0.1, ()), 0, 0.001)
ANSWERED = Outcome(Case("q2", (), None, {"kind": "near"}), Answer("q2", "sure", 0.9, ()), 0, 0.001)


def _read(**content: Any) -> evaluation.Floors:
    return evaluation.read_floors(json.dumps({"digest": "x"} | content).encode(), "floors.json")


def test_checks() -> None:
    """Metrics of all questions and of groups are compared; a metric may equal its floor."""
    parsed = _read(
        all={"declined": 0.5, "auroc": 0.1}, kind={"near": {"declined": 0.01}, "far": {"declined": 1}}
    )
    expected = [
        (FloorCheck("all", "declined", 0.5, 0.5), True),
        (FloorCheck("all", "auroc", 0.1, None), False),
        (FloorCheck("kind near", "declined", 0.01, 0.0), False),
        (FloorCheck("kind far", "declined", 1, 1.0), True),
    ]
    assert expected == [
        (check, check.is_met) for check in evaluation.check_floors(parsed, [DECLINED, ANSWERED])
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"digest": 7}, "digest: 7 is not a string"),
        ({"all": 7}, "all: 7 is not an object"),
        ({"kind": {"near": 7}}, "kind: near: 7 is not an object"),
        ({"all": {"declined": 2}}, "all: declined: 2 is not a number from 0 to 1"),
        ({"all": {"declined": True}}, "all: declined: true is not a number from 0 to 1"),
    ],
)
def test_invalid_floor(content: dict[str, Any], message: str) -> None:
    """The message names the file, the key and the value."""
    with pytest.raises(FloorError) as caught:
        _read(**content)
    assert f"floors.json: {message}" == str(caught.value)


@pytest.mark.parametrize("name", ["median ms", "questions", "declind"])
def test_unknown_metric(name: str) -> None:
    """Unknown metrics, and those where lower is better, cannot have a floor."""
    with pytest.raises(FloorError, match=rf"^floors\.json: all: {name}: no such figure; choose from hit@1, "):
        _read(all={name: 0.5})


def test_group_without_questions() -> None:
    """A floor of a group without questions is an error."""
    with pytest.raises(FloorError, match=r"^floors\.json: kind: odd: no such questions$"):
        evaluation.check_floors(_read(kind={"odd": {"declined": 0.5}}), [DECLINED])


def test_invalid_json() -> None:
    """The message for a file that is not JSON names the file."""
    with pytest.raises(FloorError, match=r"^floors\.json: not JSON$"):
        evaluation.read_floors(b"{", "floors.json")


def test_digest(tmp_path: Path) -> None:
    """The digest depends on the questions and on the names and bytes of the documents, not on their order."""
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "b.txt").write_bytes(b"two")
    first = evaluation.dataset_digest(b"q", tmp_path, ["a.txt", "b.txt"])
    assert first == evaluation.dataset_digest(b"q", tmp_path, ["b.txt", "a.txt"])
    others = {
        evaluation.dataset_digest(b"r", tmp_path, ["a.txt", "b.txt"]),
        evaluation.dataset_digest(b"q", tmp_path, ["a.txt"]),
    }
    (tmp_path / "b.txt").write_bytes(b"three")
    others.add(evaluation.dataset_digest(b"q", tmp_path, ["a.txt", "b.txt"]))
    assert 3 == len(others - {first})
