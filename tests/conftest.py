"""Test configuration: fixed Hypothesis examples in CI, no deadlines, and OpenSearch only on request.

Sentence vectors are used only in their own tests, because they take time and change answers.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

os.environ["MEANING"] = "off"

_left_out = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that need OpenSearch, unless -m names them."""
    if "opensearch" in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("opensearch")]
    items[:] = [item for item in items if not item.get_closest_marker("opensearch")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_left_out] = len(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many tests were left out, and how to run them."""
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(f"{count} tests against OpenSearch were left out: make test-opensearch")
