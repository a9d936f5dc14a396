"""Test configuration: fixed Hypothesis examples in CI, no deadlines, and OpenSearch only on request.

Sentence vectors are used only in their own tests, because they take time and change answers.
VERBATIM_EXAMPLES multiplies the number of examples of every property test, as in `make test-fast`.
"""

import multiprocessing
import os
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

os.environ["MEANING"] = "off"

# The processes that read documents start with what they need already imported.
if "forkserver" in multiprocessing.get_all_start_methods():
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.preload"])

_left_out = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Change the number of examples, and leave out tests that need OpenSearch, unless -m names them."""
    factor = float(os.environ.get("VERBATIM_EXAMPLES", "1"))
    for test in {item.function for item in items if isinstance(item, pytest.Function)}:
        if factor != 1 and is_hypothesis_test(test):
            multiply_examples(test, factor)
    if "opensearch" in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("opensearch")]
    items[:] = [item for item in items if not item.get_closest_marker("opensearch")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_left_out] = len(left_out)


def multiply_examples(test: Any, factor: float) -> None:
    """Change the number of examples of a property test. Hypothesis has no public name for this attribute."""
    used = test._hypothesis_internal_use_settings or settings()
    test._hypothesis_internal_use_settings = settings(
        used, max_examples=max(1, round(used.max_examples * factor))
    )


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: one more than processors, as some tests wait."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many tests were left out, and how to run them."""
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(f"{count} tests against OpenSearch were left out: make test-opensearch")
