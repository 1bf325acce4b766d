"""One counter per name. An agent is a class: its state is its fields, and they survive everything."""

from shem_sdk import agent


@agent
class Counter:
    """Counts things."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def increment(self, by: int = 1) -> int:
        """Add to the counter and return what it stands at."""
        if by < 0:
            raise ValueError("a counter only goes up")
        self.count += by
        return self.count

    def value(self) -> int:
        """What the counter stands at."""
        return self.count
