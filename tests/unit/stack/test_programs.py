"""How many of each process `./run up` starts, and under which names."""

from pathlib import Path

from app.domain.queues import BATCH_QUEUES, LIVE_QUEUES
from app.settings import Settings
from app.stack.children import Program
from app.stack.home import CHILDREN, StackHome
from app.stack.programs import other_programs


def programs(**settings: int) -> list[Program]:
    return other_programs(StackHome(Path("/nowhere")), Settings(**settings), 7, "http://127.0.0.1:1")  # type: ignore[arg-type]


def test_one_of_each_has_no_slot_but_the_worker_for_what_takes_its_time() -> None:
    made = programs()
    assert [(program.name, program.slot) for program in made] == [
        ("api", None), ("mirror", None), ("recorder", None), ("worker", None), ("worker", "worker-batch"), ("beat", None),
    ]  # fmt: skip
    assert {program.name for program in made} <= set(CHILDREN)
    assert [program.arguments[1] for program in made[1:3]] == ["mirror-1", "recorder-1"]


def test_workers_stand_back_for_what_production_and_its_rows_need() -> None:
    assert {(program.name, program.niceness) for program in programs() if program.niceness} == {("worker", 10)}
    assert {program.niceness for program in programs(worker_niceness=0)} == {0}


def test_several_have_a_name_each_and_workers_so_many_processes() -> None:
    made = programs(mirror_processes=3, recorder_processes=2, worker_processes=5, batch_processes=4)
    assert [program.slot for program in made if program.name == "mirror"] == ["mirror-1", "mirror-2", "mirror-3"]
    assert [program.arguments[-1] for program in made if program.name == "recorder"] == ["recorder-1", "recorder-2"]
    assert len({program.label for program in made}) == len(made)
    live, batch = [program.arguments for program in made if program.name == "worker"]
    for arguments, processes, queues in ((live, "5", LIVE_QUEUES), (batch, "4", BATCH_QUEUES)):
        assert arguments[arguments.index("--concurrency") + 1] == processes
        assert arguments[arguments.index("--queues") + 1] == ",".join(queues)
    assert live[live.index("--hostname") + 1] != batch[batch.index("--hostname") + 1]
