"""Loads Jupyter notebooks (.ipynb, formats 3 and 4): text, code and the text of outputs, cell by cell.

Read with the JSON parser alone; docs/decisions/0009-text-formats.md compares it with nbformat.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.text.json_yaml import parse_json, without_surrogates
from retrieval.loaders.text.markdown import add_markdown
from retrieval.model import Document

MAX_CELLS = 20_000
_TERMINAL_CODE = regex.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_HEADING_LEVELS = {str(level): level for level in range(1, 7)}
# Of the representations of one output, the best that has text. Next to a picture, text is only its name.
_TEXT_TYPES = ("text/markdown", "text/html", "text/latex", "text/plain")
# Format 3 names the representations by these keys of the output itself.
_OLD_TYPES = {"html": "text/html", "latex": "text/latex", "text": "text/plain"}
_OLD_PICTURES = ("png", "jpeg", "svg", "pdf")


def load(data: bytes, name: str) -> Document:
    """Load a notebook; a cell is labelled by its position, from 1."""
    notebook = parse_json(decode(data, name), name)
    cells = list(_cells(notebook))
    if not cells:
        raise DocumentError(name, "is not a notebook, or has no cells; save it again in Jupyter")
    if len(cells) > MAX_CELLS:
        raise DocumentError(name, f"has more than {MAX_CELLS} cells; split it", kind=ProblemKind.TOO_LARGE)
    builder = DocumentBuilder(name)
    for number, cell in enumerate(cells, 1):
        builder.begin_page(str(number))
        _add_cell(cell, builder, name)
    metadata = notebook.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else None
    if not isinstance(title, str):
        title = None if builder.has_headings else title_from_name(name)
    return builder.build(title and without_surrogates(title), unit="cell")


def _cells(notebook: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the cells of a notebook; those of format 3 are in worksheets."""
    if isinstance(notebook, dict):
        for part in (notebook, *_objects(notebook.get("worksheets"))):
            yield from _objects(part.get("cells"))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _add_cell(cell: Mapping[str, Any], builder: DocumentBuilder, name: str) -> None:
    kind, source = cell.get("cell_type"), _text(cell.get("source"))
    if kind == "markdown":
        add_markdown(source, builder, name)
    elif kind == "heading":
        builder.add_heading(source, _HEADING_LEVELS.get(_text(cell.get("level")), 1))
    else:
        builder.add_block(source or _text(cell.get("input")))
    for output in _objects(cell.get("outputs")):
        _add_output(output, builder, name)


def _add_output(output: Mapping[str, Any], builder: DocumentBuilder, name: str) -> None:
    kind = output.get("output_type")
    if kind == "stream":
        builder.add_block(_text(output.get("text")))
    elif kind in {"error", "pyerr"}:
        builder.add_block(": ".join(filter(None, (_text(output.get("ename")), _text(output.get("evalue"))))))
    else:
        form, text = _best_form(output)
        if form == "text/markdown":
            add_markdown(text, builder, name)
        elif form == "text/html":
            extract_all_blocks(parse_html(f"<!DOCTYPE html><body>{text}", name), builder)
        else:
            builder.add_block(text)


def _best_form(output: Mapping[str, Any]) -> tuple[str, str]:
    """Return the type and the text of an output's best representation; empty for a picture."""
    data = output.get("data")
    forms = (
        data
        if isinstance(data, dict)
        else {new: output[old] for old, new in _OLD_TYPES.items() if old in output}
    )
    if any(form.startswith("image/") for form in forms) or any(map(output.get, _OLD_PICTURES)):
        return "", ""
    return next(((form, text) for form in _TEXT_TYPES if (text := _text(forms.get(form)))), ("", ""))


def _text(value: Any) -> str:
    """Return a text that may be stored as a list of lines, without codes for colours."""
    parts: Sequence[Any] = value if isinstance(value, list) else [value]
    text = "".join(part for part in parts if isinstance(part, str))
    return _TERMINAL_CODE.sub("", without_surrogates(text).replace("\r\n", "\n").replace("\r", "\n"))
