import pytest
from counter import Counter


def test_a_counter_adds_up() -> None:
    counter = Counter("apples")
    assert counter.increment() == 1
    assert counter.increment(2) == 3
    assert counter.value() == 3


def test_a_counter_never_goes_down() -> None:
    with pytest.raises(ValueError, match="only goes up"):
        Counter("apples").increment(-1)
