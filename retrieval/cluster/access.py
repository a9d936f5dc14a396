"""Where a cluster is, and what it knows us by."""

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Node:
    """The address of a node, without user or password; `authorization` is what is sent along."""

    url: str
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """The nodes that questions are sent to by turns. `ca_file` vouches for certificates."""

    nodes: tuple[Node, ...]
    ca_file: Path | None = None

    @classmethod
    def of(cls, addresses: str, *, api_key: str | None = None, ca_file: Path | None = None) -> Self:
        """Take one address or several, parted by commas, such as `https://user:password@host:9200`.

        A user is used for the addresses that name none as well; a key goes before users. Raises ValueError,
        which tells no secret.
        """
        parts = [_split(address.strip()) for address in addresses.split(",") if address.strip()]
        if not parts:
            raise ValueError("no address of a cluster")
        common = next((one for part in parts if (one := _user_of(part))), None)
        key = f"ApiKey {api_key}" if api_key else None
        return cls(tuple(Node(_shown(part), key or _user_of(part) or common) for part in parts), ca_file)

    def trust(self) -> ssl.SSLContext | bool:
        """Give what certificates are verified by. Raises ValueError when the file cannot be used."""
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            is_missing = not isinstance(error, ssl.SSLError)
            reason = error.strerror if is_missing else "no certificates in it"
            raise ValueError(f"{self.ca_file}: cannot be used as certificates ({reason})") from None


def _split(address: str) -> SplitResult:
    try:
        part = urlsplit(address)
        is_fine = part.scheme in _PORT and bool(part.hostname) and part.port != 0
    except ValueError:
        is_fine = False
    if not is_fine or part.query or part.fragment:
        raise ValueError(
            "an address of a cluster is like https://host:9200 or https://user:password@host:9200"
        )
    return part


def _shown(part: SplitResult) -> str:
    host = f"[{part.hostname}]" if ":" in (part.hostname or "") else part.hostname
    return f"{part.scheme}://{host}:{part.port or _PORT[part.scheme]}{part.path.rstrip('/')}"


def _user_of(part: SplitResult) -> str | None:
    if part.username is None:
        return None
    pair = f"{unquote(part.username)}:{unquote(part.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
