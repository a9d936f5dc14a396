"""The settings of the test suite."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import multiply_examples


@pytest.mark.parametrize(("factor", "expected"), [(0.1, 2), (0.001, 1), (3, 60)])
def test_examples_are_multiplied(factor: float, expected: int) -> None:
    """VERBATIM_EXAMPLES changes how many examples a property test has, but never to none."""
    examples = []

    @settings(max_examples=20, database=None)
    @given(st.integers())
    def collect(number: int) -> None:
        examples.append(number)

    multiply_examples(collect, factor)
    collect()
    assert expected == len(examples)
