"""The settings of the test suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import multiply_examples, order_for_workers


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


@dataclass(frozen=True)
class MarkedItem:
    """A test of a module, with at most one marker."""

    nodeid: str
    marker: str = ""

    def get_closest_marker(self, name: str) -> bool | None:
        return name == self.marker or None


def _order(items: Sequence[MarkedItem], workers: int) -> list[str]:
    return [item.nodeid for item in order_for_workers(cast("Sequence[pytest.Item]", items), workers)]


E2E = [MarkedItem(f"{module}::{number}", "e2e") for module in "abc" for number in (1, 2)]
OTHERS = [MarkedItem("d::1"), MarkedItem("d::slow", "slow"), *(MarkedItem(f"d::{n}") for n in range(2, 8))]


def test_each_worker_begins_with_what_takes_long() -> None:
    """Modules that start processes are dealt to all workers but the last, which begins with slow tests."""
    expected = ["a::1", "a::2", "c::1", "c::2", "b::1", "b::2", "d::1", "d::2"]
    expected += ["d::slow", "d::3", "d::4", "d::5", "d::6", "d::7"]
    assert expected == _order([*E2E, *OTHERS], 3)


@pytest.mark.parametrize("items", [E2E, OTHERS, []])
def test_tests_of_one_kind_keep_their_order(items: Sequence[MarkedItem]) -> None:
    """When all tests start processes, or none, their order stays."""
    assert [item.nodeid for item in items] == _order(items, 3)


@given(st.integers(1, 20), st.lists(st.sampled_from([*E2E, *OTHERS]), unique=True))
def test_no_test_is_lost(workers: int, items: list[MarkedItem]) -> None:
    """The order has every test once, for any number of workers."""
    assert sorted(item.nodeid for item in items) == sorted(_order(items, workers))
