"""Writes the tables of settings and commands, each between two markers, to configuration.md and commands.md.

`make docs` runs this. A test fails when a table is out of date.
"""

import sys
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from bot.cli.commands import main
from config.settings import Settings

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
# Defaults that are no single value.
_DEFAULTS = {
    "index_dir": "a cache folder",
    "collections_dir": "a data folder",
    "telegram_allowed_chats": "everyone",
    "telegram_questions_per_minute": "60",
    "webhook_secret": "from the token",
}


def settings_table() -> str:
    """Return a table of all settings with their defaults and descriptions."""
    rows = [
        f"| `{name.upper()}` | {_default(name, field)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Name | Default | Meaning |", "|---|---|---|", *rows])


def _default(name: str, field: FieldInfo) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if field.default is None or field.default == frozenset():
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def commands_section() -> str:
    """Return a section for each command: its usage, what it does, and its options."""
    return "\n\n".join(_command_section(name, command) for name, command in main.commands.items())


def _command_section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"verbatim {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    records = [option.get_help_record(context) for option in options]
    rows = [f"| `{option}` | {_cell(help_text)} |" for option, help_text in filter(None, records)]
    table = ["\n".join(["| Option | Meaning |", "|---|---|", *rows])] if rows else []
    return "\n\n".join([f"## verbatim {name}", f"```\n{usage}\n```", *paragraphs, *table])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {
    ROOT / "docs" / "configuration.md": settings_table,
    ROOT / "docs" / "commands.md": commands_section,
}


def updated(path: Path) -> str:
    """Return the text of a page with what is generated now."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{PAGES[path]()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(updated(page), encoding="utf-8")
        sys.stdout.write(f"{page.name} is up to date\n")
