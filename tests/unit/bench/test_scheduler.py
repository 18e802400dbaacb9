import pytest

from bench import scheduler
from bench.scheduler import Simulation


def test_every_broadcast_of_a_small_simulation_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that die and lie starve nobody, and the same seed tells the same story."""
    monkeypatch.setattr(scheduler, "BROADCASTS", 40)
    monkeypatch.setattr(scheduler, "WORKERS", 8)
    monkeypatch.setattr(scheduler, "SPAN_SECONDS", 300.0)
    monkeypatch.setattr(scheduler, "DEATHS", 5)
    first, second = Simulation(7), Simulation(7)
    first.run()
    second.run()
    assert first.ended == 40
    assert first.waits == second.waits
    assert max(first.waits) < 1.6
