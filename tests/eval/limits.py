"""Limits of the metrics of everyday questions, read from a file that pins the questions and documents."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.eval.sources import EVERYDAY_DIR

LIMITS_FILE = EVERYDAY_DIR / "limits.toml"

# Limits are written with three decimals; metrics are fractions.
_EPSILON = 1e-9

# Values by metric, by group: "all", a part or a collection.
ValuesByGroup = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The lowest and highest allowed values, and the digest of the questions and their documents."""

    digest: str
    minimums: ValuesByGroup
    maximums: ValuesByGroup


@dataclass(frozen=True, slots=True)
class Check:
    """A metric of a group and its limit. `value` is None if no question counts for the metric."""

    group: str
    metric: str
    value: float | None
    limit: float
    is_minimum: bool

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return False
        return (self.value - self.limit) * (1 if self.is_minimum else -1) >= -_EPSILON

    def __str__(self) -> str:
        actual = "unknown" if self.value is None else f"{self.value:.3f}"
        expected = f"{'at least' if self.is_minimum else 'at most'} {self.limit:g}"
        return f"{self.group}: {self.metric} is {actual}, not {expected}"


def read(path: Path = LIMITS_FILE) -> Limits:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Limits(content["digest"], content.get("min", {}), content.get("max", {}))


def check_limits(limits: Limits, metrics: Mapping[str, Mapping[str, float | None]]) -> list[Check]:
    """Compare metrics by group with their limits. Groups that were not measured are skipped."""
    return [
        Check(group, metric, metrics[group].get(metric), limit, is_minimum)
        for groups, is_minimum in ((limits.minimums, True), (limits.maximums, False))
        for group, values in groups.items()
        if group in metrics
        for metric, limit in values.items()
    ]
