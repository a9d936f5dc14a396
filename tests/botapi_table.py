"""Validates objects of a Bot API server and calls of a bot against the published Bot API.

The table of the API is not part of the project: BOT_API_TABLE is its path, and without it tests are skipped.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
_PLAIN_TYPES = {
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "True": lambda value: value is True,
    "InputFile": lambda value: isinstance(value, str),
}


@dataclass(frozen=True, slots=True)
class Table:
    methods: dict[str, Json]
    types: dict[str, Json]

    def problems(self, value: object, kind: str, where: str = "") -> list[str]:
        """Return the problems of a value as an object of a published type; empty if it is valid."""
        where = where or kind
        if kind.startswith("Array of "):
            if not isinstance(value, list):
                return [f"{where} is not an array"]
            inner = kind.removeprefix("Array of ")
            return [
                problem
                for at, item in enumerate(value)
                for problem in self.problems(item, inner, f"{where}[{at}]")
            ]
        if kind in _PLAIN_TYPES:
            return [] if _PLAIN_TYPES[kind](value) else [f"{where} is not of type {kind}: {value!r}"]
        published = self.types[kind]
        if subtypes := published.get("subtypes"):
            return min((self.problems(value, subtype, where) for subtype in subtypes), key=len)
        if not isinstance(value, dict):
            return [f"{where} is not of type {kind}: {value!r}"]
        return self._fields(value, published.get("fields", []), where)

    def call_problems(self, method: str, params: Json, files: Json) -> list[str]:
        """Return the problems of a recorded call, with form fields parsed as Telegram parses them."""
        if method not in self.methods:
            return [f"{method} is not a method"]
        fields = self.methods[method].get("fields", [])
        types = {field["name"]: field["types"] for field in fields}
        parsed = {name: _parse_form_value(value, types.get(name, [])) for name, value in params.items()}
        parsed |= {name: "" for name in files if name in types}
        return self._fields(parsed, fields, method)

    def _fields(self, value: Json, fields: list[Json], where: str) -> list[str]:
        known = {field["name"]: field for field in fields}
        problems = [f"{where}.{name} is unknown" for name in value.keys() - known.keys()]
        problems += [
            f"{where}.{name} is missing"
            for name, field in known.items()
            if field["required"] and name not in value
        ]
        for name, inner in value.items():
            if name in known:
                by_type: list[list[str]] = [
                    self.problems(inner, kind, f"{where}.{name}") for kind in known[name]["types"]
                ]
                fewest: list[str] = min(by_type, key=len)
                problems += fewest
        return problems


def _parse_form_value(value: Any, types: list[str]) -> Any:
    """Return the value of a form field."""
    if not isinstance(value, str) or ("String" in types and "Integer" not in types):
        return value
    try:
        return json.loads(value.lower() if "Boolean" in types else value)
    except ValueError:
        return value


def load() -> Table:
    """Return the table, or skip the test if BOT_API_TABLE is not set."""
    path = os.environ.get("BOT_API_TABLE")
    if not path:
        pytest.skip("BOT_API_TABLE does not name the published Bot API table (JSON: methods, types)")
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    return Table(raw["methods"], raw["types"])
