import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from app.simulator.history import INCUMBENT_MODEL, PLANS, SEED
from app.simulator.models import SimulatedModel
from app.simulator.serving import Endpoint, serve
from app.simulator.traffic import main, quantile
from app.simulator.traffic_plan import plan, poisson_times, read_times


def test_poisson_arrivals_have_their_rate_and_are_the_same_for_a_seed() -> None:
    times = poisson_times(50.0, 100.0, seed=1)
    assert times == poisson_times(50.0, 100.0, seed=1) != poisson_times(50.0, 100.0, seed=2)
    assert times == sorted(times)
    assert times[-1] < 100
    assert 4700 < len(times) < 5300  # 5000 ± 4 standard deviations


def test_conversations_go_on_in_order_and_are_none_of_the_history() -> None:
    turns = defaultdict(list)
    for write in plan(poisson_times(20.0, 60.0, seed=3), seed=3):
        turns[write.case].append(write.turn)
    assert all(found == list(range(1, len(found) + 1)) for found in turns.values())
    assert any(len(found) > 1 for found in turns.values())
    assert min(case % 100_000 for case in turns) >= max(share.conversations for share in PLANS.values())


def test_two_runs_of_other_seeds_have_other_conversations() -> None:
    one, two = ({write.case for write in plan([0.0] * 50, seed=seed)} for seed in (1, 2))
    assert not one & two


@pytest.mark.parametrize("name", ["times.csv", "times.csv.gz"])
def test_arrivals_are_read_from_seconds_and_from_moments(tmp_path: Path, name: str) -> None:
    def times(text: str) -> list[float]:
        raw = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
        return read_times(tmp_path / name)

    assert times("5\n7.5\n6\n") == [0.0, 1.0, 2.5]
    assert times("TIMESTAMP,Tokens\n2023-11-16 18:15:46.6805900,374\n2023-11-16 18:15:47.1805900,1\n") == [0.0, 0.5]
    with pytest.raises(ValueError, match="line 2"):
        times("1\nsoon\n")
    with pytest.raises(ValueError, match="no arrivals"):
        times("TIMESTAMP\n")


def test_a_quantile_of_nothing_is_unknown() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([1.0], 0.99) == 1.0


def test_the_driver_sums_up_what_production_met(capsys: pytest.CaptureFixture[str]) -> None:
    with serve(Endpoint(SimulatedModel("incumbent", INCUMBENT_MODEL, SEED))) as url:
        assert main(["--base-url", f"{url}/v1", "--rate", "60", "--seconds", "0.3", "--seed", "5"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["sent"] == len(poisson_times(60.0, 0.3, 5)) == summary["ok"] + summary["failed"]
    assert summary["p50_seconds"] <= summary["p99_seconds"]


def test_a_driver_that_nobody_answers_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "times").write_text("0\n")
    assert main(["--base-url", "http://127.0.0.1:9/v1", "--arrivals", str(tmp_path / "times")]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["ok"], summary["failures"], summary["p50_seconds"]) == (0, {"APIConnectionError": 1}, None)
    assert main(["--base-url", "http://127.0.0.1:9/v1", "--arrivals", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
