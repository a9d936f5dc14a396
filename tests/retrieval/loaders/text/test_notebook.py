import json
from typing import Any

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text import notebook
from retrieval.loaders.text.notebook import load
from retrieval.model import Document
from tests.documents import text_samples


def read(content: Any) -> Document:
    return load(json.dumps(content).encode(), "folder/tides.ipynb")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def test_notebook() -> None:
    """Markdown is read without markup, code whole, outputs as text; pictures are skipped."""
    document = read(text_samples.NOTEBOOK)
    assert [
        "The gauge was calibrated in 2019.",
        "levels = read('gauge.csv')\n\nlevels.max()",
        "read 412 rows",
        "5.12 metres",
        "levels.head()",
        "day: Monday\nlevel: 4.75",
        "KeyError: 'surge'",
        "Kept by the harbour office.",
    ] == blocks(document)
    assert ("Tides at Skerry", "cell") == (document.title, document.unit)
    assert [(1, "Tides at Skerry")] == [(heading.level, heading.text) for heading in document.headings]


def test_places() -> None:
    """A passage is in one cell, and says which."""
    passages = list(split_passages(read(text_samples.NOTEBOOK)))
    assert ["1", "2", "3", "3", "3", "4"] == [passage.label for passage in passages]
    assert {None} == {passage.page for passage in passages}


def test_format_3() -> None:
    """In format 3, cells are in worksheets, code is an input, and headings are cells."""
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Gauges"]},
        {
            "cell_type": "code",
            "input": ["1 + 1"],
            "outputs": [
                {"output_type": "pyout", "text": ["2"], "html": ["<b>2</b>"]},
                {"output_type": "display_data", "png": "aGk=", "text": "a picture"},
                {"output_type": "pyerr", "ename": "E", "evalue": "no"},
            ],
        },
    ]
    document = read({"nbformat": 3, "worksheets": [{"cells": cells}]})
    assert ["1 + 1", "2", "E: no"] == blocks(document)
    assert [(2, "Gauges")] == [(heading.level, heading.text) for heading in document.headings]


@pytest.mark.parametrize(
    ("metadata", "expected"), [({"title": "Levels"}, "Levels"), ({"title": [3]}, "tides"), ({}, "tides")]
)
def test_title(metadata: dict[str, Any], expected: str) -> None:
    """The title is that of the metadata, else the first heading, else the name of the file."""
    cells = [{"cell_type": "markdown", "source": "At nine."}]
    assert expected == read({"metadata": metadata, "cells": cells}).title


def test_broken_characters() -> None:
    """Half a character, which JSON can contain, is replaced."""
    assert ["a \ufffd b"] == blocks(read({"cells": [{"cell_type": "raw", "source": "a \ud800 b"}]}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{}", "is not a notebook, or has no cells"),
        (b"[1]", "is not a notebook, or has no cells"),
        (b'{"cells": [\n{"source": "a"},\n}', r"line 3 is not valid JSON \(.+\); correct it"),
        (b'{"cells": []}\n\nx', r"line 3 is not valid JSON \(text after the end\)"),
        (b"[" * 100_000, "is nested too deep"),
        (b'{"cells":' + b'[{"a":' * 100_000, "is nested too deep"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    """A file that is not a notebook is rejected, with the line that is wrong, and so is deep nesting."""
    with pytest.raises(DocumentError, match=reason):
        load(data, "a.ipynb")


def test_odd_values() -> None:
    """Values of another type than the format has are skipped."""
    cells: list[Any] = [
        None,
        {"cell_type": "code", "source": {"a": "b"}, "outputs": {"a": 1}},
        {"cell_type": "code", "source": ["a", [1], None, "b"], "outputs": [7, {"data": [1]}]},
        {"cell_type": [], "source": "c", "level": {}},
    ]
    assert ["ab", "c"] == blocks(read({"cells": cells}))


def test_too_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook with too many cells is rejected."""
    monkeypatch.setattr(notebook, "MAX_CELLS", 3)
    with pytest.raises(DocumentError, match="has more than 3 cells; split it"):
        read(text_samples.NOTEBOOK)
