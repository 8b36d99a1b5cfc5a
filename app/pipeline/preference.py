"""The preference of one pair (CONTRACTS section 5, steps 1 to 4), as far as no model has to be asked."""

from dataclasses import dataclass, field

from app.domain.exchange import Failure, Json, Reply
from app.domain.measures import is_client_status
from app.domain.words import FailureKind, Rule
from app.graders.catalogue import Functions, find_grader, version_of
from app.graders.digests import grade_digests, what_digests_equal
from app.graders.equality import what_is_equal
from app.graders.grade import Grade, Ungraded, Validity
from app.graders.json_schema import check_response_format
from app.graders.label import NAME as LABEL
from app.graders.tool_calls import check_tool_calls

CLIENT_ERROR = "client_error"
NO_GRADE = (None, "")


@dataclass(frozen=True, slots=True)
class Pair:
    """All that steps 1 to 4 look at.

    Attributes:
        request: The exchange's request.
        incumbent: Its reply or failure.
        other: The other arm's.
        grader: Which grader decides the segment's pairs.
        has_imported_grade: Whether a grade of the segment's grader (of the judge's rater) was imported with a value.
        is_reference: Whether the incumbent counts as right.
        functions: Runs users' functions; `None` = nobody does here.
    """

    request: Json
    incumbent: Reply | Failure
    other: Reply | Failure
    grader: str = "judge"
    has_imported_grade: bool = False
    is_reference: bool = True
    functions: Functions | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of a pair without asking a model.

    Attributes:
        rule: The step that decides; `None` = the pair is left out, `facts["left_out"]` says why.
        preference: In [0, 1], 1 = the arm is better; `None` for rule `grader`.
        grade: What a deterministic grader of the segment gives, or why it gives none; with rule `equal` it decides nothing.
        version: That grader's.
        facts: Why, by name.
    """

    rule: Rule | None
    preference: float | None = None
    grade: Grade | Ungraded | None = None
    version: str = ""
    facts: Json = field(default_factory=dict)


def decide(pair: Pair) -> Decision:
    """The first step that applies; rule `grader` without a grade means that the judge's grades decide."""
    if is_client_error(pair.incumbent):
        return left_out(CLIENT_ERROR)
    if isinstance(pair.incumbent, Failure) or isinstance(pair.other, Failure):
        return _failure(pair.incumbent, pair.other)
    incumbent, other = _validity(pair.request, pair.incumbent), _validity(pair.request, pair.other)
    facts = _validity_facts(incumbent, other)
    if bool(incumbent.violations) != bool(other.violations):
        return Decision(Rule.INVALID, 1.0 if incumbent.violations else 0.0, facts=facts)
    equal = what_is_equal(pair.incumbent, pair.other)
    if equal is not None and not pair.has_imported_grade:
        return Decision(Rule.EQUAL, 0.5, *_graded(pair, is_equal=True), facts | {"equal": equal})
    return Decision(Rule.GRADER, None, *_graded(pair, is_equal=False), facts)


def decide_checked(
    incumbent: Json, other: Json, grader: str = "judge", *, has_imported_grade: bool = False, masked: Pair | None = None
) -> Decision:
    """Steps 2 to 4 by what was found in both replies while their texts were there (`app.graders.digests`).

    Args:
        incumbent: The incumbent's checks.
        other: The other arm's.
        grader: Which grader decides the segment's pairs.
        has_imported_grade: As `Pair` says.
        masked: The texts as they are kept, for graders that need them; equal names are masked alike. `None` = none are kept.
    """
    sides = (("incumbent", incumbent), ("arm", other))
    violations = {who: [checks["violation"]] for who, checks in sides if checks["violation"]}
    facts: Json = {"violations": violations} if violations else {}
    if len(violations) == 1:
        return Decision(Rule.INVALID, 1.0 if "incumbent" in violations else 0.0, facts=facts)
    equal = what_digests_equal(incumbent, other)
    if equal is not None and not has_imported_grade:
        return Decision(Rule.EQUAL, 0.5, *(_graded(masked, is_equal=True) if masked else NO_GRADE), facts | {"equal": equal})
    by_digests = None if masked is not None and grader == LABEL else grade_digests(grader, incumbent, other)
    if by_digests is None and masked is not None:
        return Decision(Rule.GRADER, None, *_graded(masked, is_equal=False), facts)
    return Decision(Rule.GRADER, None, by_digests, version_of(grader) or "", facts)


def left_out(reason: str) -> Decision:
    """A pair that is no evidence for quality; the ledger counts its exchange under the reason."""
    return Decision(None, facts={"left_out": reason})


def is_client_error(reply: Reply | Failure) -> bool:
    """Whether the request was refused through its own fault: 4xx but 408 and 429."""
    return isinstance(reply, Failure) and reply.kind is FailureKind.HTTP and bool(is_client_status(reply.status))


def _failure(incumbent: Reply | Failure, other: Reply | Failure) -> Decision:
    failed = [who for who, reply in (("incumbent", incumbent), ("arm", other)) if isinstance(reply, Failure)]
    preference = 0.5 if len(failed) > 1 else float(failed == ["incumbent"])
    facts: Json = {"failed": failed}
    if isinstance(other, Failure) and other.adaptation:
        facts["adaptation"] = True
    return Decision(Rule.FAILURE, preference, facts=facts)


def _graded(pair: Pair, *, is_equal: bool) -> tuple[Grade | Ungraded | None, str]:
    """What the segment's grader says of the texts, and its version; of equal replies only where it names their label."""
    grader = find_grader(pair.grader, is_reference=pair.is_reference, functions=pair.functions)
    if grader is None or (is_equal and not grader.names_labels):
        return NO_GRADE
    assert not isinstance(pair.incumbent, Failure) and not isinstance(pair.other, Failure)  # noqa: S101, PT018 - it decided before
    return grader.grade(pair.request, pair.incumbent, pair.other), grader.version


def _validity(request: Json, reply: Reply) -> Validity:
    return check_response_format(request, reply) + check_tool_calls(request, reply)


def _validity_facts(incumbent: Validity, other: Validity) -> Json:
    violations = {who: list(found.violations) for who, found in (("incumbent", incumbent), ("arm", other)) if found.violations}
    unusable = sorted({*incumbent.unusable, *other.unusable})
    return ({"violations": violations} if violations else {}) | ({"unusable": unusable} if unusable else {})
