"""To-do lists that live in files: an agent has a file system of its own, as durable as its memory."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from shem_sdk import agent

FOLDER = Path("/lists")


@dataclass
class Item:
    """One thing to do."""

    text: str
    added_at: datetime
    done: bool = False


@agent
class TodoList:
    """A list per owner; each item is a line of JSON in ``/lists/OWNER.jsonl``."""

    def __init__(self, owner: str) -> None:
        self.file = FOLDER / f"{owner}.jsonl"
        FOLDER.mkdir(exist_ok=True)
        self.file.touch()

    def add(self, text: str) -> int:
        """Append an item; return its number."""
        if not text.strip():
            raise ValueError("there is nothing to do in an empty item")
        with self.file.open("a") as file:
            file.write(_line(Item(text, datetime.now(UTC))))
        return len(self.items())

    def finish(self, number: int) -> Item:
        """Mark an item as done."""
        items = self.items()
        if not 1 <= number <= len(items):
            raise IndexError(f"there is no item {number}; the list has {len(items)}")
        items[number - 1].done = True
        self._write(items)
        return items[number - 1]

    def clear_done(self) -> int:
        """Remove what is done; return how many that were."""
        items = self.items()
        left = [item for item in items if not item.done]
        self._write(left)
        return len(items) - len(left)

    def items(self) -> list[Item]:
        """The whole list."""
        return [_item(line) for line in self.file.read_text().splitlines()]

    def _write(self, items: list[Item]) -> None:
        """Through a second file and a rename, as on any file system."""
        new = self.file.with_suffix(".new")
        new.write_text("".join(_line(item) for item in items))
        new.rename(self.file)


def _line(item: Item) -> str:
    return json.dumps(asdict(item) | {"added_at": item.added_at.isoformat()}) + "\n"


def _item(line: str) -> Item:
    fields = json.loads(line)
    return Item(**fields | {"added_at": datetime.fromisoformat(fields["added_at"])})
