"""Draws the packages and their imports as a Mermaid diagram between two markers in ARCHITECTURE.md.

`make diagram` runs this. A test fails when the diagram is out of date.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import grimp

FILE = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN, END = "<!-- diagram: begin -->", "<!-- diagram: end -->"
ROOTS = ("bot", "retrieval")
# Almost everything imports these, so arrows to them would hide the others.
EXCLUDED = {"bot.__main__", "retrieval.errors", "retrieval.model"}


def diagram() -> str:
    """Return the diagram: one node for each package or top-level module, one arrow for each import.

    Imports that follow from a chain of other arrows are left out.
    """
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    nodes = {_unit(module) for module in graph.modules} - EXCLUDED - set(ROOTS)
    imports: dict[str, set[str]] = {node: set() for node in nodes}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            source, target = _unit(importer), _unit(imported)
            if source != target and {source, target} <= nodes:
                imports[source].add(target)
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
    """Return the nodes that a node imports, directly or indirectly."""
    seen: set[str] = set()
    stack = [*imports[node]]
    while stack:
        if (other := stack.pop()) not in seen:
            seen.add(other)
            stack += imports[other]
    return seen


def _id(module: str) -> str:
    """Return the Mermaid id of a node."""
    return module.replace(".", "_")


def _root(module: str) -> str:
    return module.partition(".")[0]


def _unit(module: str) -> str:
    """Return the node of a module: its first two name parts."""
    return ".".join(module.split(".")[:2])


def update_diagram(text: str) -> str:
    """Return the text of ARCHITECTURE.md with the current diagram."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{diagram()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    FILE.write_text(update_diagram(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{FILE.name} is up to date\n")
