import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.text import json_yaml
from retrieval.loaders.text.json_yaml import load
from retrieval.model import Document
from tests.documents import text_samples


def read(text: str, name: str = "folder/a.json") -> Document:
    return load(text.encode(), name)


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def lines(document: Document) -> list[int]:
    """Return the line of each block."""
    return [
        [mark.line for mark in document.lines if mark.start <= block.start][-1] for block in document.blocks
    ]


def test_json() -> None:
    """An item of a list is a record: keys are labels, numbers stay as written, null is skipped."""
    document = read(text_samples.JSON)
    assert [
        "berth: 1\nship: Alma\nowner.name: Ida Falk\nowner.town: Brunø",
        "berth: 2\nship: Borre\nprice: 12.50\ncargo: salt, rope\nsold: false",
    ] == blocks(document)
    assert ("a", "record", ["1", "2"]) == (
        document.title,
        document.unit,
        [page.label for page in document.pages],
    )
    assert [2, 3] == lines(document)


def test_json_lines() -> None:
    """A line is a record; empty ones do not count."""
    document = read(text_samples.JSONL, "a.jsonl")
    assert [
        "id: a1\nquestion: How deep is the quay?\nreply: Nine metres at low tide.",
        "id: a2\nquestion: Who pays the dues?\nreply: The captain.",
    ] == blocks(document)
    assert [1, 3] == lines(document)


def test_broken_line() -> None:
    """A line that is not valid JSON is text, unless most are."""
    assert ["a: 1", '{"a": 2', "a: 3"] == blocks(read('{"a": 1}\n{"a": 2\n{"a": 3}', "a.jsonl"))
    with pytest.raises(DocumentError, match="line 2 is not valid JSON; correct it"):
        read('{"a": 1}\nx\ny', "a.jsonl")


def test_yaml() -> None:
    """Lists in an object are records below its key, the rest is one record; anchors are followed."""
    document = read(text_samples.YAML, "a.yaml")
    assert [
        "title: Island ferries\nseason: summer",
        "operator: Nordlys\nseats: 120",
        "operator: Nordlys\nseats: 120\nfrom: Brunoe\ndeparts: 09:10",
        "from: Storholm\ndeparts: 17:45\nnotes: Bicycles travel free.\nDogs pay half.",
    ] == blocks(document)
    assert ["base", "routes"] == [heading.text for heading in document.headings]
    assert "Island ferries" == document.title
    assert [2, 5, 8, 11] == lines(document)
    offset = document.text.index("departs: 17:45")
    assert 12 == [mark.line for mark in document.lines if mark.start <= offset][-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": {"c": "x"}}', ["a: 1\nb.c: x"]),
        ('{"a": "x", "b": {"c": "x", "d": "y"}}', ["a: x", "c: x\nd: y"]),
        ('{"DE": {"n": "Kiel"}, "FR": {"n": "Brest"}}', ["DE.n: Kiel\nFR.n: Brest"]),
        ('{"z": {"DE": {"n": "Kiel"}, "FR": {"n": "Brest"}}}', ["DE\nn: Kiel", "FR\nn: Brest"]),
        ('{"items": [{"n": "a"}, {"n": "b"}], "count": 2}', ["count: 2", "n: a", "n: b"]),
        ('["one", "two"]', ["one", "two"]),
        ('"text"', ["text"]),
        ('[{"a": [{"b": "x"}, {"b": "y"}]}]', ["a.1.b: x\na.2.b: y"]),
        (f'[{{"a": "x", "line": {[[n, n] for n in range(40)]}}}]', ["a: x"]),
        ('[{"a": 1e999, "b": 1.10, "c": 12345678901234567}]', ["a: 1e999\nb: 1.10\nc: 12345678901234567"]),
        ('[{"a": "x\\ud800y"}]', ["a: x\ufffdy"]),
        ('[{"a": "x", "a": "y"}]', ["a: x\na: y"]),
        ('\ufeff[{"a": "x"}]', ["a: x"]),
    ],
)  # fmt: skip
def test_records(text: str, expected: list[str]) -> None:
    """Every value is written with the path of its keys, except long lists of numbers."""
    assert expected == blocks(read(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\na: 2\n", ["a: 1", "a: 2"]),
        ("version: 1.10\nnorway: no\n", ["version: 1.10\nnorway: no"]),
        ("- !!python/object/apply:os.system [ls]\n- b", ["ls", "b"]),
        ("a: ~\nb: null\nc: 'null'", ["c: null"]),
        ("data: !!binary aGVsbG8=\nb: x", ["b: x"]),
        ("? [a, b]\n: x", ["x"]),
        ("a: &a\n  b: *a\n  c: x", ["c: x"]),
    ],
)
def test_yaml_values(text: str, expected: list[str]) -> None:
    """Values keep their spelling; tags run nothing."""
    try:
        assert expected == blocks(read(text, "a.yml"))
    except DocumentError as error:
        # Something that contains itself is deeper than any limit.
        assert "*a" in text
        assert "is nested too deep" in error.reason  # noqa: PT017


def bomb(repeated: str) -> str:
    """Return a YAML text whose aliases repeat a value 282 billion times."""
    return f"a: &a {repeated}\n" + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, after in zip("abcdefghijkl", "bcdefghijklm", strict=True)
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", "[" * 100_000, "is nested too deep"),
        ("a.json", '{"a":' * 100_000, "is nested too deep"),
        ("a.json", "[" * 200 + '"a"' + "]" * 200, "is nested too deep"),
        ("a.yaml", "[" * 100_000, "is nested too deep|is not valid YAML"),
        ("a.yaml", "- " * 5000 + "a", "is nested too deep"),
        ("a.yaml", "".join(" " * n + "a:\n" for n in range(500)) + " " * 500 + "b: c", "is nested too deep"),
        ("a.json", '[{"a": 1},\n{"a" 2}]', "line 2 is not valid JSON"),
        ("a.json", '[{"a": 1}\n', r"line 2 is not valid JSON \(expecting ',' or ']'\)"),
        ("a.json", "[1]\n\nx", r"line 3 is not valid JSON \(text after the end\)"),
        ("a.yaml", "a: 1\nb: [\n", r"line 3 is not valid YAML \(.*\); correct it"),
        ("a.yaml", "a: *missing\nb: x", ""),
        ("a.yaml", "a: x\0y", "is not"),
        ("a.jsonl", "[" * 100_000, "is nested too deep"),
    ],
)
def test_refused(name: str, text: str, reason: str) -> None:
    """Errors name the line; deep nesting and values that repeat each other are rejected."""
    if not reason:
        assert ["b: x"] == blocks(read(text, name))
        return
    with pytest.raises(DocumentError, match=reason):
        read(text, name)


@pytest.mark.parametrize(
    "repeated",
    ["[lol, lol]", "[1, 2]", "{}", "{x: }", f"[{', '.join('1' * 40)}]", "{x: &b {y: z}}", "{<<: {y: z}}"],
)
def test_repeated_aliases(repeated: str) -> None:
    """Aliases that repeat each other are rejected before anything is repeated, also those without text."""
    started = time.process_time()
    with pytest.raises(DocumentError, match="has too many values, or repeats them too often"):
        read(bomb(repeated), "a.yaml")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("text", ["&a [1, *a]", "&a [&a [x, *a], *a]", "x: &a {y: {<<: *a}}"])
def test_values_that_contain_themselves(text: str) -> None:
    """A value that contains itself is rejected as too deep; one that is merged into itself stays as it is."""
    with pytest.raises(DocumentError, match="is nested too deep"):
        read(text, "a.yaml")
    assert ["x: y"] == blocks(read("&a {x: y, <<: *a}", "a.yaml"))


def test_many_aliases() -> None:
    """Aliases that repeat less than fits are written out wherever they occur."""
    items = "".join(f"- {{n: x{number}, of: *a}}\n" for number in range(1000))
    document = read(f"- &a [{', '.join(map(str, range(20)))}]\n{items}", "a.yaml")
    assert 1001 == len(document.blocks)
    assert f"n: x999\nof: {', '.join(map(str, range(20)))}" == blocks(document)[-1]


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than fit are rejected."""
    monkeypatch.setattr(json_yaml, "MAX_RECORDS", 1)
    with pytest.raises(DocumentError, match="has more than 1 records; split it"):
        read(text_samples.JSON)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_every_text_is_told(value: Any) -> None:
    """Every text of a JSON file is in the document."""
    document = read(json.dumps(value, indent=1))

    def texts(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [text for inner in part.values() for text in texts(inner)]
        if isinstance(part, list):
            return [text for inner in part for text in texts(inner)]
        return [part.replace("\r\n", "\n").replace("\r", "\n").strip()] if isinstance(part, str) else []

    assert all(text in document.text for text in texts(value))
