"""Floors: what may stand in their file, and when they are held."""

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval.evaluation import floors
from retrieval.evaluation.floors import Check, FloorError
from retrieval.evaluation.metrics import Case, Outcome
from retrieval.model import Answer

DECLINED = Outcome(Case("q1", (), None, {"kind": "far"}), Answer("q1", "none", 0.1, ()), 0, 0.001)
ANSWERED = Outcome(Case("q2", (), None, {"kind": "near"}), Answer("q2", "sure", 0.9, ()), 0, 0.001)


def _read(**content: Any) -> floors.Floors:
    return floors.read(json.dumps({"digest": "x"} | content).encode(), "floors.json")


def test_figures_are_held_against_their_floors() -> None:
    """Floors are for all questions and for groups of them; at the floor is not below it."""
    pinned = _read(
        all={"declined": 0.5, "auroc": 0.1}, kind={"near": {"declined": 0.01}, "far": {"declined": 1}}
    )
    expected = [
        (Check("all", "declined", 0.5, 0.5), True),
        (Check("all", "auroc", 0.1, None), False),
        (Check("kind near", "declined", 0.01, 0.0), False),
        (Check("kind far", "declined", 1, 1.0), True),
    ]
    assert expected == [(check, check.is_held) for check in floors.checks(pinned, [DECLINED, ANSWERED])]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"digest": 7}, "digest: 7 is not a text"),
        ({"all": 7}, "all: 7 is not an object"),
        ({"kind": {"near": 7}}, "kind: near: 7 is not an object"),
        ({"all": {"declined": 2}}, "all: declined: 2 is not a number from 0 to 1"),
        ({"all": {"declined": True}}, "all: declined: true is not a number from 0 to 1"),
    ],
)
def test_what_cannot_be_a_floor_is_named(content: dict[str, Any], told: str) -> None:
    """The message has file, key and value."""
    with pytest.raises(FloorError) as caught:
        _read(**content)
    assert f"floors.json: {told}" == str(caught.value)


@pytest.mark.parametrize("figure", ["median ms", "questions", "declind"])
def test_only_figures_have_floors(figure: str) -> None:
    """A figure that is none, or is better the lower it is, has no floor."""
    with pytest.raises(FloorError, match=rf"^floors\.json: all: {figure}: no such figure; there are hit@1, "):
        _read(all={figure: 0.5})


def test_floors_of_questions_that_are_not_there() -> None:
    """A group that has gone does not take its floors with it silently."""
    with pytest.raises(FloorError, match=r"^floors\.json: kind: odd: no such questions$"):
        floors.checks(_read(kind={"odd": {"declined": 0.5}}), [DECLINED])


def test_floors_that_are_no_json() -> None:
    """A file that is not JSON is named."""
    with pytest.raises(FloorError, match=r"^floors\.json: not JSON$"):
        floors.read(b"{", "floors.json")


def test_the_digest_is_of_questions_and_documents(tmp_path: Path) -> None:
    """It changes with the questions, with a document's name and with its words, and with nothing else."""
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "b.txt").write_bytes(b"two")
    first = floors.digest(b"q", tmp_path, ["a.txt", "b.txt"])
    assert first == floors.digest(b"q", tmp_path, ["b.txt", "a.txt"])
    others = {
        floors.digest(b"r", tmp_path, ["a.txt", "b.txt"]),
        floors.digest(b"q", tmp_path, ["a.txt"]),
    }
    (tmp_path / "b.txt").write_bytes(b"three")
    others.add(floors.digest(b"q", tmp_path, ["a.txt", "b.txt"]))
    assert 3 == len(others - {first})
