"""Numbers and dates as a spreadsheet shows them: by the codes of their formats."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import regex

# The formats that have a number only. Which one 14 is depends on the reader's country.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy",
    16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss",
}  # fmt: skip
_TOKEN = regex.compile(
    r"""(?P<text>"[^"]*"|\\.|\[\$[^\]]*\])|\[(?P<total>h+|m+|s+)\]|(?P<nothing>\[[^\]]*\]|_.|\*.)"""
    r"""|(?P<half>am/pm|a/p)|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?)|(?P<digits>[0#?][0#?,.]*|\.0+)|(?P<sign>.)""",
    regex.IGNORECASE | regex.DOTALL,
)
_SECTIONS = regex.compile(r""";(?=(?:[^"]*"[^"]*")*[^"]*\Z)""")
_LONGEST_CODE = 255
_MOST_DECIMALS = 30
_DAY = 86400
_UNITS = {"h": 3600, "m": 60, "s": 1}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOON = 12
# The last of the year 9999; the largest number that a cell holds to its last digit.
_LAST_DAY = 2_957_000
_LARGE = 10**15
# Powers of ten, fractions, texts.
_BEYOND = frozenset("Ee/@")


@lru_cache(4096)
def format_number(value: float, code: str, epoch: datetime) -> str:
    """Format a number by a code; days of dates count from `epoch`. What is beyond it is shown plainly."""
    sections = _sections(code[:_LONGEST_CODE])
    tokens = _section(value, sections)
    if any(token["date"] or token["total"] for token in tokens):
        is_date = 0 <= value < _LAST_DAY
        return _date(value, tokens, epoch) if is_date else format_plain(value)
    return _number(value, tokens, has_sign=len(sections) == 1)


def format_plain(value: float) -> str:
    """Return a number without a format, in the eleven digits that fit into a cell."""
    return f"{value:.11g}" if abs(value) >= 10**11 or value != int(value) else str(int(value))


@lru_cache
def _sections(code: str) -> list[list[regex.Match[str]]]:
    return [list(_TOKEN.finditer(section)) for section in _SECTIONS.split(code)]


def _section(value: float, sections: list[list[regex.Match[str]]]) -> list[regex.Match[str]]:
    """Choose the part of a code: for what is positive, negative or zero."""
    if value < 0 and len(sections) > 1:
        return sections[1]
    if value == 0 and len(sections) > 2:  # noqa: PLR2004 the third part
        return sections[2]
    return sections[0]


def _literal(token: regex.Match[str]) -> str:
    text = token["text"] or ""
    if text.startswith("[$"):
        return text[2:-1].partition("-")[0]
    return text.strip('"') if text.startswith('"') else text[1:] or token["sign"] or ""


def _number(value: float, tokens: Sequence[regex.Match[str]], *, has_sign: bool) -> str:
    signs = {token["sign"] for token in tokens}
    digits = [token["digits"] for token in tokens if token["digits"]]
    if len(digits) != 1 or signs & _BEYOND or abs(value) >= _LARGE:
        said = "" if digits or signs & _BEYOND else "".join(map(_literal, tokens)).strip()
        return said or format_plain(value)
    amount = abs(value) * (100 if "%" in signs else 1) / 1000 ** (len(digits[0]) - len(digits[0].rstrip(",")))
    whole, _, decimals = digits[0].rstrip(",").partition(".")
    least, most = decimals.count("0"), min(len(decimals), _MOST_DECIMALS)
    text = f"{amount:{',' if ',' in whole else ''}.{most}f}"
    if most > least:
        text = text[: len(text) - (most - least)] + text[len(text) - (most - least) :].rstrip("0")
    text = "".join(text.rstrip(".") if token["digits"] else _literal(token) for token in tokens).strip()
    return f"-{text}" if value < 0 and has_sign else text


def _date(value: float, tokens: Sequence[regex.Match[str]], epoch: datetime) -> str:
    seconds = round(value * _DAY)
    moment = epoch + timedelta(seconds=seconds)
    halved = any(token["half"] for token in tokens)
    units = [(token["date"] or token["total"] or "")[:1].lower() for token in tokens]
    parts: list[str] = []
    for at, token in enumerate(tokens):
        if token["total"]:
            parts.append(str(seconds // _UNITS[units[at]]))
        elif token["half"]:
            parts.append("PM" if moment.hour >= _NOON else "AM")
        elif token["date"]:
            parts.append(_part(moment, token["date"].lower(), is_minute=_is_minute(units, at), halved=halved))
        else:
            parts.append(_literal(token))
    return "".join(parts).strip()


def _is_minute(units: Sequence[str], at: int) -> bool:
    """Return whether "m" means minutes, which stand next to hours or seconds, not months."""
    before = next((unit for unit in reversed(units[:at]) if unit), "")
    after = next((unit for unit in units[at + 1 :] if unit), "")
    return before == "h" or after == "s"


def _part(moment: datetime, code: str, *, is_minute: bool, halved: bool) -> str:
    unit, long = code[0], len(code)
    if unit == "y":
        return f"{moment.year:04}" if long > 2 else f"{moment.year % 100:02}"  # noqa: PLR2004 yyyy
    if unit == "m" and not is_minute and long > 2:  # noqa: PLR2004 mmm
        name = _MONTHS[moment.month - 1]
        return {3: name[:3], 5: name[0]}.get(long, name)
    if unit == "d" and long > 2:  # noqa: PLR2004 ddd
        name = _WEEKDAYS[moment.weekday()]
        return name[:3] if long == 3 else name  # noqa: PLR2004 dddd
    hour = (moment.hour - 1) % _NOON + 1 if halved else moment.hour
    month = moment.minute if is_minute else moment.month
    number = {"m": month, "d": moment.day, "h": hour, "s": moment.second}[unit]
    return f"{number:02}" if long > 1 else str(number)
