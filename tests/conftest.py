"""How tests run: the same examples everywhere a machine decides, no clock, and OpenSearch when asked for.

Meanings are compared only where that is what is tested: it takes time, and changes answers.
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
    """Leave out what needs OpenSearch, unless -m names it: other choices of -m need not think of it."""
    if "opensearch" in config.getoption("markexpr"):
        return
    left_out = [item for item in items if item.get_closest_marker("opensearch")]
    items[:] = [item for item in items if not item.get_closest_marker("opensearch")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_left_out] = len(left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how to run it."""
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(f"{count} tests against OpenSearch were left out: make test-opensearch")
