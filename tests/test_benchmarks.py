"""Checks that the benchmarks fit the code they measure."""

import pytest

from benchmarks.stages import STAGES


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, name, _ in STAGES])
def test_stages(owner: object, name: str) -> None:
    """Each stage is a function that exists under the name where it is measured."""
    assert callable(getattr(owner, name, None))
