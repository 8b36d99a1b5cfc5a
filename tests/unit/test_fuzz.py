"""A slice of `./run bench fuzz`, with a seed of its own, and every input that was once found."""

from random import Random

import pytest

from tests.fuzzing.mutation import Mutator, cuts
from tests.fuzzing.running import CASES, Target, input_of, kept_cases, run
from tests.fuzzing.targets import TARGETS

SEED = 20261121
# About two seconds in all; slow parsers get fewer.
INPUTS = 100


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_mutated_input_crashes_or_hangs_a_parser(target: Target) -> None:
    found = run(target, seed=SEED, inputs=int(INPUTS * min(1.0, target.share)))
    assert (found.crashes, found.hangs) == ([], [])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_seeds_and_inputs_that_once_crashed_do_so_no_more(target: Target) -> None:
    for data in (*target.seeds, *(file.read_bytes() for file in kept_cases(target))):
        for number in range(8):
            target.check(data, Random(number))


def test_every_kept_input_belongs_to_a_parser() -> None:
    assert {folder.name for folder in CASES.iterdir()} <= set(TARGETS)


def test_an_input_is_made_again_from_its_number_alone() -> None:
    target = TARGETS["sse"]
    assert [input_of(target, 1, number)[0] for number in range(5)] == [input_of(target, 1, number)[0] for number in range(5)]
    assert len({input_of(target, 1, number)[0] for number in range(50)}) > 30


def test_pieces_are_the_same_bytes() -> None:
    data = Mutator([b'{"a": [1, 2]}\n\ndata: x']).make(Random(3))
    assert all(b"".join(cuts(data, Random(number))) == data for number in range(30))


def test_what_crashes_is_found_and_named() -> None:
    def check(data: bytes, _: Random) -> None:
        if b"\0" in data:
            raise KeyError("planted")

    found = run(Target("planted", check, (b"abc",)), seed=1, inputs=300)
    assert found.crash_count > 0
    assert "KeyError: 'planted' (test_fuzz.py:" in found.crashes[0]["error"]
