"""Edited documents, index files and updates. `make fuzz` runs the same for longer."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.__main__ import main
from tests.fuzz.targets import build_target, target_names

CORPUS = Path(__file__).parent / "corpus"
FAILURES = sorted(file.relative_to(CORPUS).as_posix() for file in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", target_names())
def test_seeds(name: str) -> None:
    """Every input that the fuzzer edits is valid, so that the edits are what matters."""
    target = build_target(name)
    assert ["read"] * len(target.seeds) == [target.check(seed) for seed in target.seeds]


@pytest.mark.slow
@pytest.mark.parametrize("name", target_names())
def test_edited_inputs(name: str) -> None:
    """An edited input is read, or rejected with the error that is meant for it."""
    target = build_target(name)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs())
    def check(data: bytes) -> None:
        target.check(data)

    check()


@pytest.mark.parametrize("failure", FAILURES)
def test_past_failures(failure: str) -> None:
    """What once failed under `make fuzz` is read or rejected."""
    build_target(failure.partition("/")[0]).check((CORPUS / failure).read_bytes())


@pytest.mark.slow
def test_every_target_has_a_turn(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """`make fuzz` tries inputs of every target, also when there is hardly any time."""
    names = ["manifest", "vectors"]
    monkeypatch.setattr("tests.fuzz.__main__._MIN_TURN_SECONDS", 0)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds", "0", *(f"--target={name}" for name in names)])
    assert 0 == main()
    summary = [line.split() for line in capfd.readouterr().out.splitlines()[1:-1]]
    assert names == [line[0] for line in summary]
    assert all(int(line[2]) + int(line[4]) > 0 for line in summary)
