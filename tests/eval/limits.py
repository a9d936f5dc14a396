"""Limits of the metrics of everyday questions, in a file with a digest of the questions and documents."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.eval.sources import EVERYDAY_DIR

LIMITS = EVERYDAY_DIR / "floors.toml"

# Limits are written with three decimals; metrics are fractions.
_EPSILON = 1e-9

# Values by metric, by group: "all", a part or a collection.
ValuesByGroup = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The lowest and highest allowed metrics, and the digest of the questions and their documents."""

    digest: str
    least: ValuesByGroup
    most: ValuesByGroup


@dataclass(frozen=True, slots=True)
class Check:
    """A metric of a group and its limit; `value` is None if the metric is undefined for these questions."""

    group: str
    metric: str
    value: float | None
    limit: float
    is_floor: bool

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return False
        return (self.value - self.limit) * (1 if self.is_floor else -1) >= -_EPSILON

    def __str__(self) -> str:
        actual = "unknown" if self.value is None else f"{self.value:.3f}"
        expected = f"{'at least' if self.is_floor else 'at most'} {self.limit:g}"
        return f"{self.group}: {self.metric} is {actual}, not {expected}"


def read(path: Path = LIMITS) -> Limits:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Limits(content["digest"], content.get("least", {}), content.get("most", {}))


def checks(limits: Limits, metrics: Mapping[str, Mapping[str, float | None]]) -> list[Check]:
    """Compare the metrics, by group, with their limits, except those of groups that were not measured."""
    return [
        Check(group, metric, metrics[group].get(metric), limit, is_floor)
        for groups, is_floor in ((limits.least, True), (limits.most, False))
        for group, values in groups.items()
        if group in metrics
        for metric, limit in values.items()
    ]
