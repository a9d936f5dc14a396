"""Decoding of a call's parameters by their published types, from a query, form, multipart body or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox import methods
from sandbox.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.model import Json

_TRUE_WORDS = {"true", "yes", "1"}
_MISSING_MESSAGES = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "message_id": "message identifier is not specified",
}


@dataclass(frozen=True, slots=True)
class Upload:
    name: str
    mime: str
    content: bytes


class Params:
    """The decoded parameters of a call. `unknown` lists names that the method does not have."""

    def __init__(self, method: str, raw: Mapping[str, Any], uploads: Mapping[str, Upload]) -> None:
        declared = methods.parameters(method)
        self.method = method
        self.values: Json = {}
        self.uploads = uploads
        attached = {name for name in uploads if name not in declared}
        self.unknown = sorted(raw.keys() - declared.keys() - attached)
        for name, parameter in declared.items():
            value = uploads.get(name, raw.get(name))
            if value is None or (value == "" and not parameter.is_required):
                if parameter.is_required:
                    raise bad_request(_MISSING_MESSAGES.get(name, f'parameter "{name}" is required'))
                if value is None:
                    continue
            self.values[name] = self._decode(parameter, value)

    def _decode(self, parameter: methods.Parameter, value: Any) -> Any:
        kinds = parameter.types
        if isinstance(value, Upload):
            return value
        if kinds == ("Boolean",):
            return value if isinstance(value, bool) else str(value).lower() in _TRUE_WORDS
        if "Integer" in kinds:
            return _decode_integer(parameter, value)
        if "String" in kinds:
            return self._decode_string(kinds, value)
        return _decode_object(parameter, value)

    def _decode_string(self, kinds: tuple[str, ...], value: Any) -> str | Upload:
        text = value if isinstance(value, str) else json.dumps(value)
        if "InputFile" in kinds and text.startswith("attach://"):
            if (upload := self.uploads.get(text.removeprefix("attach://"))) is None:
                raise bad_request("wrong remote file identifier specified: attached file not found")
            return upload
        return text

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def text(self, name: str) -> str:
        return str(self.values.get(name, ""))

    def integer(self, name: str, default: int = 0) -> int:
        return int(self.values.get(name, default))

    def flag(self, name: str) -> bool:
        return bool(self.values.get(name, False))


def _decode_integer(parameter: methods.Parameter, value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(str(value))
    except ValueError as error:
        if "String" in parameter.types:
            return str(value)
        # Stricter than Telegram, which reads 0.
        raise bad_request(f'parameter "{parameter.name}" must be of type Integer') from error


def _decode_object(parameter: methods.Parameter, value: Any) -> Any:
    if isinstance(value, str) and not value:
        return None
    try:
        decoded = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise bad_request(f"can't parse {parameter.name} JSON object") from error
    expected = list if parameter.types[0].startswith("Array") else dict
    if decoded is not None and not isinstance(decoded, expected):
        raise bad_request(f"can't parse {parameter.name} JSON object: expected {expected.__name__}")
    return decoded
