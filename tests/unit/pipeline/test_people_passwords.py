"""Passwords: what is allowed, what is stored, and that a name that nobody has costs the same work."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.domain.people import folded
from app.errors import InvalidInput
from app.pipeline.people_passwords import LONGEST, VERY_COMMON, Passwords, check_password, new_password

CHEAP = Passwords(time_cost=1, memory_kib=8, lanes=1)


def test_a_password_is_kept_as_argon2id_under_a_salt_of_its_own() -> None:
    first, second = CHEAP.hash("correct horse battery"), CHEAP.hash("correct horse battery")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert CHEAP.is_right("correct horse battery", first)
    assert not CHEAP.is_right("correct horse batterz", first)
    assert not CHEAP.is_right("correct horse battery", "$argon2id$broken")
    assert not CHEAP.is_right("correct horse battery", None)


def test_without_arguments_the_parameters_are_those_of_the_standard() -> None:
    assert not Passwords().is_outdated(PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash("x"))
    assert Passwords().is_outdated(CHEAP.hash("correct horse battery"))


def test_the_hash_that_stands_for_nobody_costs_what_a_real_one_costs() -> None:
    assert extract_parameters(CHEAP._of_nobody) == extract_parameters(CHEAP.hash("correct horse battery"))


def test_one_password_has_one_form_however_its_accents_were_typed() -> None:
    assert CHEAP.is_right("cafe\u0301 au lait noir", CHEAP.hash("caf\u00e9 au lait noir"))


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("elevenchars", "12 to 200 characters; this one has 11"),
        ("x" * (LONGEST + 1), "this one has 201"),
        ("", "this one has 0"),
        ("Ada.Lovelace1815", "must not be the name"),
        ("PasswordPassword", "first that anybody tries"),
        ("123456789012", "first that anybody tries"),
    ],
)
def test_what_is_no_password_is_refused_with_the_reason(password: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        check_password(password, "ada lovelace")
    assert [problem.field for problem in refused.value.problems] == ["password"]


@pytest.mark.parametrize(
    "password",
    ["twelve chars", "x" * LONGEST, "aaaa bbbb cccc dddd", "ada lovelace knew", "日本語のパスワードを使います", "987650432187"],
)
def test_what_is_long_enough_needs_no_mixture_of_signs(password: str) -> None:
    check_password(password, "ada lovelace")


def test_every_very_common_password_would_pass_by_its_length() -> None:
    assert [common for common in VERY_COMMON if len(common) < 12 or common != common.casefold()] == []


def test_a_made_password_is_allowed_and_never_the_same() -> None:
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        check_password(password, "ada")


def test_names_that_people_take_for_the_same_fold_to_one() -> None:
    names = ("Ada Lovelace", " ada  lovelace", "\uff21da Lovelace", "ADA LOVELACE")
    assert {folded(name) for name in names} == {"ada lovelace"}
