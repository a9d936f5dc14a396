"""Edited documents, index files and updates. `make fuzz` runs the same for longer."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import targets

CORPUS = Path(__file__).parent / "corpus"
FAILURES = sorted(file.relative_to(CORPUS).as_posix() for file in CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", targets())
def test_seeds(name: str) -> None:
    """Every input that the fuzzer edits is valid, so that the edits are what matters."""
    target = targets()[name]
    assert ["read"] * len(target.seeds) == [target.check(seed) for seed in target.seeds]


@pytest.mark.slow
@pytest.mark.parametrize("name", targets())
def test_edited_inputs(name: str) -> None:
    """An edited input is read, or refused with the error that is meant for it."""
    target = targets()[name]

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs())
    def check(data: bytes) -> None:
        target.check(data)

    check()


@pytest.mark.parametrize("failure", FAILURES)
def test_past_failures(failure: str) -> None:
    """What once failed under `make fuzz` is read or refused."""
    targets()[failure.partition("/")[0]].check((CORPUS / failure).read_bytes())
