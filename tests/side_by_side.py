"""Two processes of tests beside each other: one begins with the whole stacks, the other with what only computes."""

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler.loadfile import LoadFileScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]
    """A file of tests goes to one process; every second process takes files from the end of the list.

    Stacks wait more than they compute, and two of them at once only disturb each other. By their names they are at the
    front and the unit tests at the end: the processes meet in the middle.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % 2 == 1:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FromBothEnds | None:
    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    # A process beside this one makes an example take longer now and then; that is no fault.
    if hasattr(config, "workerinput"):
        settings.register_profile("beside another", settings(), deadline=None)
        settings.load_profile("beside another")
