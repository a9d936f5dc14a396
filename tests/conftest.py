"""Test configuration: fixed Hypothesis examples in CI, no deadlines, and OpenSearch only on request.

Sentence vectors are used only in their own tests, because they take time and change answers.
VERBATIM_EXAMPLES multiplies the number of examples of every property test, as in `make test-fast`.
"""

import gc
import multiprocessing
import os
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

os.environ["MEANING"] = "off"

# What is imported and collected stays until the end: searching it for cycles took a sixth of that time.
gc.disable()

# The processes that read documents start with what they need already imported.
if "forkserver" in multiprocessing.get_all_start_methods():
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.preload"])

_left_out = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Change the number of examples and the order; skip tests with OpenSearch, unless -m names them."""
    factor = float(os.environ.get("VERBATIM_EXAMPLES", "1"))
    for test in {item.function for item in items if isinstance(item, pytest.Function)}:
        if factor != 1 and is_hypothesis_test(test):
            multiply_examples(test, factor)
    if "opensearch" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("opensearch")]
        items[:] = [item for item in items if not item.get_closest_marker("opensearch")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[_left_out] = len(left_out)
    if worker := getattr(config, "workerinput", None):
        items[:] = order_for_workers(items, worker["workercount"])


def order_for_workers(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests so that each worker begins with those that take long.

    pytest-xdist gives every worker an equal part of the list, and who has finished takes from the end of
    another's. Tests that start processes mostly wait. They are dealt to all workers but one, a module at a
    time, as a module shares processes. The last worker computes in the meantime.
    """
    modules: dict[str, list[pytest.Item]] = {}
    others: list[pytest.Item] = []
    for item in items:
        waits = item.get_closest_marker("e2e") is not None
        (modules.setdefault(item.nodeid.partition("::")[0], []) if waits else others).append(item)
    if workers == 1 or not modules or not others:
        return list(items)
    parts: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for part, module in zip(cycle(parts[:-1]), modules.values(), strict=False):
        part.extend(module)
    size = len(items) // workers
    remaining = iter(sorted(others, key=lambda item: item.get_closest_marker("slow") is not None))
    for part in parts[:-1]:
        part.extend(islice(remaining, max(0, size - len(part))))
    parts[-1] += sorted(remaining, key=lambda item: item.get_closest_marker("slow") is None)
    return [item for part in parts for item in part]


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported and collected, which stays until the end."""
    gc.collect()
    gc.freeze()
    gc.enable()


def multiply_examples(test: Any, factor: float) -> None:
    """Change the number of examples of a property test. Hypothesis has no public name for this attribute."""
    used = test._hypothesis_internal_use_settings or settings()
    test._hypothesis_internal_use_settings = settings(
        used, max_examples=max(1, round(used.max_examples * factor))
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers: for `-n auto` two more than processors, as tests of processes wait."""
    return (os.cpu_count() or 1) + (2 if config.getoption("numprocesses") == "auto" else 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many tests were skipped, and how to run them."""
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(f"{count} tests against OpenSearch were skipped: make test-opensearch")
