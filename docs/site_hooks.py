"""Hooks of mkdocs: add the pages outside docs/ to the website, and make links between pages work there."""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Pages outside docs/, with their names on the website. They differ in more than their case.
EXTRA_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security-policy.md",
    "tests/eval/README.md": "evaluation-data.md",
}
_SOURCES = {uri: path for path, uri in EXTRA_PAGES.items()}
# A folder has no page of its own: its first page.
_FOLDERS = {"docs/decisions": "docs/decisions/0001-sentence-encoder.md"}
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:|#)[^)\s]+)\)")
_IMAGE = re.compile(r'(?P<before>!\[[^\]]*\]\(|src=")(?P<target>(?!https?:)[^)"\s]+)')


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside docs/."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # only make docs has mkdocs

    for path, uri in EXTRA_PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page with the links of the website."""
    return site_links(markdown, page.file.src_uri)


def site_links(markdown: str, uri: str) -> str:
    """Return the text of the page `uri` with links to other pages of the website.

    A link to a file that is not on the website is replaced with its text.
    """
    folder = posixpath.dirname(_SOURCES.get(uri, f"docs/{uri}"))

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        address = _site_address(posixpath.normpath(posixpath.join(folder, target)), uri)
        return f"[{match['text']}]({address}{anchor and '#'}{anchor})" if address else match["text"]

    def image(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["target"]))
        return f"{match['before']}{_site_address(path, uri)}"

    return _IMAGE.sub(image, _LINK.sub(link, markdown))


def _site_address(path: str, uri: str) -> str:
    """Return the address of a file, relative to the page `uri`; empty if it is not on the website."""
    path = _FOLDERS.get(path, path)
    target = EXTRA_PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
    return posixpath.relpath(target, posixpath.dirname(uri) or ".") if target else ""
