import tomllib
from pathlib import Path

from app.stack.checks import uncovered
from app.stack.locking import blocks_of, part_of

ROOT = Path(__file__).resolve().parents[3]
LOCK = """\
# made by a tool
#    ./run lock
alpha==1.0 \\
    --hash=sha256:aa
    # via own (pyproject.toml:service)
beta==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:bb \\
    --hash=sha256:bc
    # via
    #   alpha
    #   delta
gamma==3.0 \\
    --hash=sha256:cc
    # via own (pyproject.toml:dev)
delta==4.0 \\
    --hash=sha256:dd
    # via gamma
epsilon==5.0 \\
    --hash=sha256:ee
    # via own (pyproject.toml)
"""


def test_each_package_of_a_lock_is_read_with_its_version_and_hashes() -> None:
    blocks = {name: (version, len(lines)) for name, version, lines in blocks_of(LOCK)}
    assert blocks == {"alpha": ("1.0", 3), "beta": ("2.0", 6), "gamma": ("3.0", 3), "delta": ("4.0", 3), "epsilon": ("5.0", 3)}


def test_a_part_holds_what_a_group_needs_and_what_that_needs_and_nothing_else() -> None:
    assert [name for name, _, _ in blocks_of(part_of(LOCK, "service"))] == ["alpha", "beta", "epsilon"]
    assert [name for name, _, _ in blocks_of(part_of(LOCK, "dev"))] == ["beta", "gamma", "delta", "epsilon"]


def test_a_requirement_that_the_lock_does_not_meet_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    assert uncovered(project, lock) == []
    project["dependency-groups"]["service"] += ["celery[redis]>=99", "never-heard-of-it>=1"]
    problems = uncovered(project, lock)
    assert len(problems) == 2
    assert "celery" in problems[0]
    assert ">=99" in problems[0]
    assert "never-heard-of-it is not in requirements.lock" in problems[1]
