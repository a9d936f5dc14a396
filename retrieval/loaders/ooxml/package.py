"""An Office Open XML package: its main part, and which part each part relates to."""

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
        """Raise DocumentError when it is none, or of another kind."""
        self.archive = ZipArchive(data, name)
        found = [relation.path for relation in self.relations("") if relation.kind == "officeDocument"]
        if not found:
            raise DocumentError(name, "is no Office document; give it the ending of its real format")
        self.path = found[0]
        self.main = self.archive.tree(self.path)
        if self.main.tag != root:
            raise DocumentError(name, f"is of another kind ({self.main.tag[:40]}); give it its real ending")

    @property
    def title(self) -> str | None:
        """The title in its properties, if there is one."""
        for relation in self.relations(""):
            if relation.kind == "core-properties" and relation.path in self.archive:
                return self.archive.tree(relation.path).findtext("title")
        return None

    def relations(self, path: str) -> list[Relation]:
        """List what a part relates to within the package; "" is the package itself."""
        folder, file = split(path)
        listed = join(folder, "_rels", f"{file}.rels")
        if listed not in self.archive:
            return []
        return [
            Relation(one.get("Id", ""), one.get("Type", "").rpartition("/")[2], _target(path, one))
            for one in self.archive.tree(listed).iter("Relationship")
            if one.get("TargetMode") != "External"
        ]

    def related(self, path: str, kind: str) -> Element | None:
        """Read the part of a kind that a part relates to; None when there is none."""
        for relation in self.relations(path):
            if relation.kind == kind and relation.path in self.archive:
                return self.archive.tree(relation.path)
        return None


def attribute(element: Element, name: str, space: str = "") -> str | None:
    """Return an attribute by its name and the end of its namespace; there are two namespaces for each."""
    ending = f"{space}}}{name}"
    found = (value for key, value in element.attrib.items() if key.endswith(ending))
    return next(found, None if space else element.attrib.get(name))


def below(
    element: Element, skipped: frozenset[str], is_whole: Callable[[Element], bool] | None = None
) -> Iterator[Element]:
    """Yield what is in an element, outer ones first, but nothing of those skipped or in those taken whole."""
    open_ones = [iter(element)]
    while open_ones:
        inner = next(open_ones[-1], None)
        if inner is None:
            open_ones.pop()
        elif inner.tag not in skipped:
            yield inner
            if len(inner) and not (is_whole and is_whole(inner)):
                open_ones.append(iter(inner))


def _target(path: str, relation: Element) -> str:
    target = relation.get("Target", "")
    return normpath(target if target.startswith("/") else join(dirname(path), target)).lstrip("/")
