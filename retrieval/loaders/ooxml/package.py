"""Office Open XML packages: the main part, and the relations between parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import dirname, join, normpath, split
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError
from retrieval.loaders.zip_archive import ZipArchive


@dataclass(frozen=True, slots=True)
class Relation:
    """Another part of the package; `kind` is the last word of its type, such as `slide`."""

    id: str
    kind: str
    path: str


class Package:
    """A package whose main part has the root element `root`."""

    def __init__(self, data: bytes, name: str, root: str) -> None:
        """Raise DocumentError when the file is not a package, or its main part has another root element."""
        self.archive = ZipArchive(data, name)
        paths = [relation.path for relation in self.relations("") if relation.kind == "officeDocument"]
        if not paths:
            raise DocumentError(name, "is not an Office document; give it the suffix of its real format")
        self.path = paths[0]
        self.main = self.archive.parse_xml(self.path)
        if self.main.tag != root:
            raise DocumentError(
                name,
                f"is another kind of Office document ({self.main.tag[:40]}); give it its real suffix",
            )

    @property
    def title(self) -> str | None:
        """The title in the document properties, if any."""
        for relation in self.relations(""):
            if relation.kind == "core-properties" and relation.path in self.archive:
                return self.archive.parse_xml(relation.path).findtext("title")
        return None

    def relations(self, path: str) -> list[Relation]:
        """Return the internal relations of a part; "" is the package itself."""
        folder, file = split(path)
        relations_path = join(folder, "_rels", f"{file}.rels")
        if relations_path not in self.archive:
            return []
        return [
            Relation(
                element.get("Id", ""), element.get("Type", "").rpartition("/")[2], _target(path, element)
            )
            for element in self.archive.parse_xml(relations_path).iter("Relationship")
            if element.get("TargetMode") != "External"
        ]

    def related(self, path: str, kind: str) -> Element | None:
        """Parse the first existing part of a kind that a part relates to, if any."""
        for relation in self.relations(path):
            if relation.kind == kind and relation.path in self.archive:
                return self.archive.parse_xml(relation.path)
        return None


def attribute(element: Element, name: str, space: str = "") -> str | None:
    """Return an attribute by name and the end of its namespace, which Transitional and Strict OOXML share."""
    ending = f"{space}}}{name}"
    values = (value for key, value in element.attrib.items() if key.endswith(ending))
    return next(values, None if space else element.attrib.get(name))


def descendants(
    element: Element, skipped: frozenset[str], is_whole: Callable[[Element], bool] | None = None
) -> Iterator[Element]:
    """Yield all descendants in document order, without skipped ones and those inside elements taken whole."""
    stack = [iter(element)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag not in skipped:
            yield child
            if len(child) and not (is_whole and is_whole(child)):
                stack.append(iter(child))


def _target(path: str, relation: Element) -> str:
    target = relation.get("Target", "")
    return normpath(target if target.startswith("/") else join(dirname(path), target)).lstrip("/")
