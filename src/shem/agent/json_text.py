"""JSON as agent ids and type descriptions hold it: strict to read, compact to write.

Strict means what RFC 8259 says and Python's own reader does not ask for: no NaN, no name twice in an object,
no half of a surrogate pair.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec


class NotJson(ValueError):
    """A text that is no JSON.

    Attributes:
        reason: what is wrong.
        position: where, in characters from the start; None where it is not one place.
    """

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason if position is None else f"{reason} at position {position}")
        self.reason, self.position = reason, position


def read(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        NotJson: it is none.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
        if "\\u" in text or not text.isascii():
            json.dumps(value, ensure_ascii=False).encode()
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        reason = error.msg[0].lower() + error.msg[1:]
        raise NotJson(reason.removesuffix(" at").removesuffix(" starting"), error.pos) from None
    except UnicodeEncodeError:
        raise NotJson("half a surrogate pair is no character") from None
    except ValueError:
        raise NotJson("a number has too many digits") from None
    except RecursionError:
        raise NotJson("it nests too deep") from None
    return value


def write(value: Any) -> str:
    """The value as compact JSON: no spaces, characters as they are, keys in the order of the object."""
    return msgspec.json.encode(value).decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise NotJson(f"the name {json.dumps(twice)} is twice in one object")
    return members


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f'{constant} is no number; write "{constant}"')
