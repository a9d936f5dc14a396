"""Draws the packages and their imports as a Mermaid diagram, between two marks in ARCHITECTURE.md.

`make diagram` writes it; a test fails when the code has changed and the diagram has not.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import grimp

FILE = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- diagram: begin -->", "<!-- diagram: end -->"
ROOTS = ("bot", "retrieval")
# Values and errors are imported by everything: arrows to them would hide the others.
LEFT_OUT = {"bot.__main__", "retrieval.errors", "retrieval.model", "retrieval.ids"}


def diagram() -> str:
    """Return the diagram as text: one node a package or top-level module, one arrow an import.

    An import that a chain of other arrows leads to as well is left out.
    """
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    nodes = {_unit(module) for module in graph.modules} - LEFT_OUT - set(ROOTS)
    imports: dict[str, set[str]] = {node: set() for node in nodes}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            ends = _unit(importer), _unit(imported)
            if ends[0] != ends[1] and set(ends) <= nodes:
                imports[ends[0]].add(ends[1])
    lines = ["```mermaid", "flowchart TD"]
    for root in ROOTS:
        lines.append(f"  subgraph {root}")
        lines += [
            f"    {_id(node)}[{node.partition('.')[2]}]" for node in sorted(nodes) if _root(node) == root
        ]
        lines.append("  end")
    for importer in sorted(nodes):
        others = imports[importer]
        implied = set[str]().union(*(_reachable(other, imports) for other in others))
        lines += [f"  {_id(importer)} --> {_id(imported)}" for imported in sorted(others - implied)]
    return "\n".join([*lines, "```"])


def _reachable(node: str, imports: Mapping[str, set[str]]) -> set[str]:
    """Return what a node imports, directly or not."""
    seen: set[str] = set()
    waiting = [*imports[node]]
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += imports[other]
    return seen


def _id(module: str) -> str:
    """Return a name that Mermaid takes for a node."""
    return module.replace(".", "_")


def _root(module: str) -> str:
    return module.partition(".")[0]


def _unit(module: str) -> str:
    """Return the package or module below the top level that a module belongs to."""
    return ".".join(module.split(".")[:2])


def updated(text: str) -> str:
    """Return the text of ARCHITECTURE.md with the diagram of today's code."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{diagram()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    FILE.write_text(updated(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{FILE.name} is up to date\n")
