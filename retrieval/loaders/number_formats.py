"""Numbers and dates as a spreadsheet shows them, by number format codes.

docs/decisions/0004-office-readers.md compares this module with libraries.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from itertools import zip_longest
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias

import regex

# The codes of formats that a workbook names by number only. What 14 means depends on the country.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy",
    16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0",
}  # fmt: skip
# Day 0 of the 1900 date system, which counts a February 29 that 1900 did not have; and of the 1904 system.
EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 a spreadsheet's times have no zone
EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_TOKEN = regex.compile(
    r"""(?P<text>"[^"]*"|\\.|\[\$[^\]]*\])|\[(?P<elapsed>h+|m+|s+)\]|(?P<ignored>\[[^\]]*\]|_.|\*.)"""
    r"""|(?P<half>am/pm|a/p)|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?)|(?P<digits>[0#?][0#?,.]*|\.[0#?]+)|(?P<sign>.)""",
    regex.IGNORECASE | regex.DOTALL,
)
_SECTION_BREAK = regex.compile(r""";(?=(?:[^"]*"[^"]*")*[^"]*\Z)""")
_CONDITION = regex.compile(r"\[(?P<operator>[<>]=?|<>|=)(?P<limit>-?[0-9]+(?:\.[0-9]+)?)\]")
_OPERATORS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "<>": ne}
_MAX_CODE_CHARS = 255
_MAX_DECIMALS = 30
_MAX_SECOND_DECIMALS = 3
_DAY_SECONDS = 86400
_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOON_HOUR = 12
# Days from 1900 count a nonexistent February 29. The epoch fits the days after it.
_FAKE_LEAP_DAY = 60
_EPOCH_YEAR_1900 = 1899
# The end of the year 9999; the largest number that a cell keeps to its last digit.
_MAX_DAY = 2_957_000
_MAX_EXACT_NUMBER = 10**15
# Half a unit is rounded away from zero. 60 digits can write the largest number with all its decimals.
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)
# Signs of formats that are not supported: powers of ten, fractions, text.
_UNSUPPORTED = frozenset("Ee/@")

Section: TypeAlias = list[regex.Match[str]]


@lru_cache(4096)
def format_number(value: float, code: str, epoch: datetime) -> str:
    """Format a number by a code; `epoch` is day 0. Unsupported formats give the plain number."""
    section, has_sign = _choose_section(value, code[:_MAX_CODE_CHARS])
    if any(token["date"] or token["elapsed"] for token in section):
        is_date = 0 <= value < _MAX_DAY
        return _format_date(value, section, epoch) if is_date else format_plain(value)
    return _format_decimal(value, section, has_sign=has_sign)


def format_plain(value: float) -> str:
    """Return a number without a format, in the eleven digits that fit into a cell."""
    return f"{value:.11g}" if abs(value) >= 10**11 or value != int(value) else str(int(value))


@lru_cache
def _sections(code: str) -> list[Section]:
    """Return the sections of a code without the last one if that is for text."""
    sections = [list(_TOKEN.finditer(section)) for section in _SECTION_BREAK.split(code)]
    is_last_for_text = any(token["sign"] == "@" for token in sections[-1])
    return sections[:-1] if is_last_for_text and len(sections) > 1 else sections


@lru_cache
def _conditions(code: str) -> list[regex.Match[str] | None]:
    """Return the conditions of the first two sections, such as `[>=1000]`, or nothing."""
    conditions = [
        next(filter(None, (_CONDITION.fullmatch(token["ignored"] or "") for token in section)), None)
        for section in _sections(code)[:2]
    ]
    return conditions if any(conditions) else []


def _choose_section(value: float, code: str) -> tuple[Section, bool]:
    """Return the section for a value, and whether a minus has to be added to it."""
    sections, conditions = _sections(code), _conditions(code)
    if conditions:
        section = _choose_by_condition(value, sections, conditions)
        return section, not any(sign in _literal(token) for token in section for sign in "-(")
    if value < 0 and len(sections) > 1:
        return sections[1], False
    if value == 0 and len(sections) > 2:  # noqa: PLR2004 positive, negative, zero
        return sections[2], False
    return sections[0], len(sections) == 1


def _choose_by_condition(
    value: float, sections: list[Section], conditions: list[regex.Match[str] | None]
) -> Section:
    for section, condition in zip(sections, conditions, strict=False):
        if condition and _OPERATORS[condition["operator"]](value, float(condition["limit"])):
            return section
    others = [section for section, condition in zip_longest(sections, conditions) if not condition]
    return others[0] if others else sections[-1]


def _literal(token: regex.Match[str]) -> str:
    text = token["text"] or ""
    if text.startswith("[$"):
        return text[2:-1].partition("-")[0]
    return text.strip('"') if text.startswith('"') else text[1:] or token["sign"] or ""


def _format_decimal(value: float, section: Section, *, has_sign: bool) -> str:
    signs = {token["sign"] for token in section}
    digits = [token["digits"] for token in section if token["digits"]]
    if signs & _UNSUPPORTED or len(digits) > 1 or abs(value) >= _MAX_EXACT_NUMBER:
        return format_plain(value)
    is_percent = "%" in signs
    texts = (
        _format_digits(value, token["digits"], is_percent=is_percent) if token["digits"] else _literal(token)
        for token in section
    )
    text = "".join(texts).strip()
    return f"-{text}" if value < 0 and has_sign and digits else text


def _format_digits(value: float, digits: str, *, is_percent: bool) -> str:
    """Format a number without its sign by a run of placeholders, such as `#,##0.00`.

    Commas at the end divide by a thousand each; others separate thousands.
    """
    placeholders = digits.rstrip(",")
    exponent = (2 if is_percent else 0) - 3 * (len(digits) - len(placeholders))
    whole, _, decimals = placeholders.partition(".")
    required, max_decimals = len(decimals.rstrip("#?")), min(len(decimals), _MAX_DECIMALS)
    amount = Decimal(str(abs(value))).scaleb(exponent, _ROUNDING)
    rounded = amount.quantize(Decimal(1).scaleb(-max_decimals), context=_ROUNDING)
    integer, _, fraction = f"{rounded:.{max_decimals}f}".partition(".")
    separator, width = "," if "," in whole else "", len(whole.replace(",", "").lstrip("#?"))
    if separator:
        width += max(width - 1, 0) // 3
    integer = f"{int(integer):0{width}{separator}}" if width or int(integer) else ""
    fraction = fraction[:required] + fraction[required:].rstrip("0")
    return f"{integer}.{fraction}" if fraction else integer


def _format_date(value: float, section: Section, epoch: datetime) -> str:
    codes = [(token["date"] or token["elapsed"] or "").lower() for token in section]
    units = [code[:1] for code in codes]
    decimals = max(_second_decimals(code) for code in codes)
    seconds = round(value * _DAY_SECONDS, decimals) if decimals else round(value * _DAY_SECONDS)
    is_before_leap_day = epoch.year == _EPOCH_YEAR_1900 and 1 <= value < _FAKE_LEAP_DAY
    moment = epoch + timedelta(days=is_before_leap_day, seconds=seconds)
    has_halves = any(token["half"] for token in section)
    parts: list[str] = []
    for index, token in enumerate(section):
        if token["elapsed"]:
            parts.append(str(int(seconds // _UNIT_SECONDS[units[index]])))
        elif token["half"]:
            parts.append("PM" if moment.hour >= _NOON_HOUR else "AM")
        elif token["date"]:
            is_minute = _is_minute(units, index)
            parts.append(_format_unit(moment, codes[index], is_minute=is_minute, has_halves=has_halves))
        else:
            parts.append(_literal(token))
    return "".join(parts).strip()


def _second_decimals(code: str) -> int:
    return min(len(code.partition(".")[2]), _MAX_SECOND_DECIMALS)


def _is_minute(units: Sequence[str], index: int) -> bool:
    """Return whether "m" means minutes, which are next to hours or seconds, not months."""
    before = next((unit for unit in reversed(units[:index]) if unit), "")
    after = next((unit for unit in units[index + 1 :] if unit), "")
    return before == "h" or after == "s"


def _format_unit(moment: datetime, code: str, *, is_minute: bool, has_halves: bool) -> str:
    decimals = _second_decimals(code)
    code = code.partition(".")[0]
    unit, length = code[0], len(code)
    if unit == "y":
        return f"{moment.year:04}" if length > 2 else f"{moment.year % 100:02}"  # noqa: PLR2004 yyyy
    if unit == "m" and not is_minute and length > 2:  # noqa: PLR2004 mmm
        name = _MONTHS[moment.month - 1]
        return {3: name[:3], 5: name[0]}.get(length, name)
    if unit == "d" and length > 2:  # noqa: PLR2004 ddd
        name = _WEEKDAYS[moment.weekday()]
        return name[:3] if length == 3 else name  # noqa: PLR2004 dddd
    hour = (moment.hour - 1) % _NOON_HOUR + 1 if has_halves else moment.hour
    minute_or_month = moment.minute if is_minute else moment.month
    number = {"m": minute_or_month, "d": moment.day, "h": hour, "s": moment.second}[unit]
    text = f"{number:02}" if length > 1 else str(number)
    return text + f"{moment.microsecond / 10**6:.{decimals}f}"[1:] if decimals else text
