from __future__ import annotations

import pytest

from shem.wasi import random
from shem.wasm.errors import Trap


def drawn(ctx):
    return [
        random.get_random_bytes(ctx, 5),
        random.get_random_u64(ctx),
        random.get_insecure_random_bytes(ctx, 3),
        random.get_insecure_random_u64(ctx),
        random.insecure_seed(ctx),
    ]


def test_replay_gives_the_same_and_draws_nothing(world):
    live = drawn(world.ctx)
    assert [len(live[0]), len(live[2]), len(live[4])] == [5, 3, 2]
    used = world.entropy_seed
    assert drawn(world.restart()) == live
    assert world.entropy_seed == used


def test_more_than_the_oplog_should_hold_traps(world):
    with pytest.raises(Trap, match="at most"):
        random.get_random_bytes(world.ctx, 1 << 40)
    assert world.durability.recorded == []
