"""An acknowledged invocation is never lost and none is applied twice, however the server ends."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import EXAMPLES, deploy

from shem.client import Client
from shem.testing import CountingLoad, ServerProcess
from shem.testing.load import PATIENT


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(50, marks=pytest.mark.timeout(600)),
        pytest.param(1_000, marks=[pytest.mark.slow, pytest.mark.timeout(7_200)]),
    ],
)
def test_every_acknowledged_increment_is_applied_once_over_kills(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    with ServerProcess(tmp_path / "data") as server, Client(server.url, retry=PATIENT) as client:
        deploy(client, EXAMPLES / "counter")
        load = CountingLoad(server.url, seed=kills)
        load.start()
        try:
            for _ in range(kills):
                # Sometimes while agents recover from the last kill, sometimes under full load.
                load.wait_for_progress(chance.choice([0, 1, 10, 100]))
                time.sleep(chance.uniform(0.0, 0.05))
                server.kill()
                server.start()
        finally:
            load.stop()
        server.kill()
        server.start()
        load.check(client)
        assert load.wrong == []
        assert load.total > kills, "the load made progress between the kills"


def test_what_an_agent_observed_reads_the_same_after_a_crash(server: ServerProcess, client: Client) -> None:
    deploy(client, EXAMPLES / "counter")
    before = client.invoke('Counter("observer")', "observe").result
    server.kill()
    server.start()
    assert client.invoke('Counter("observer")', "observed").result == before
    assert client.invoke('Counter("other")', "observe").result != before, "agents do not share randomness"
