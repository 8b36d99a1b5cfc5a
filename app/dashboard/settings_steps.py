"""The steps that an operator may take with a pilot: what each does, said before it is done."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.pipeline.pilot_steps import no_figures

FORWARDED = "Production keeps being forwarded: its users notice nothing."


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        slug: Its part of the address.
        button: What is on the button.
        question: Asked before it is done.
        consequences: What happens, in sentences.
        done: Said afterwards.
        why_not: Why it cannot be done now; "" = it can.
        is_final: There is no way back.
        needs_worker: It is done in the background.
    """

    slug: str
    button: str
    question: str
    consequences: tuple[str, ...]
    done: str
    why_not: Callable[[Pilot], str]
    is_final: bool = False
    needs_worker: bool = False

    @property
    def what(self) -> str:
        """In words, as in "… needs the role operator"."""
        return f"“{self.button}”"


def steps_for(pilot: Pilot) -> list[Step]:
    """Those that can be taken now."""
    return [step for step in STEPS.values() if not step.why_not(pilot)]


def _unless(state: PilotState, words: str) -> Callable[[Pilot], str]:
    return lambda pilot: "" if pilot.state is state else f"the pilot is {pilot.state.value}: {words}"


def _not_extended(pilot: Pilot) -> str:
    if pilot.extended_days:
        return f"the pilot was extended by {pilot.extended_days} days already; a pilot is extended once"
    return _unless(PilotState.RUNNING, "only a running one can be extended")(pilot)


def _not_default(pilot: Pilot) -> str:
    if pilot.is_detached:
        return "the pilot is detached: the gateway does not forward for it"
    return "the pilot is the default already" if pilot.is_default else ""


STEPS = {
    step.slug: step
    for step in (
        Step(
            "compute",
            "Compute figures now",
            "Compute the figures now?",
            (
                "A worker computes them in the background, from all closed days. It takes seconds to a few minutes; until then "
                "pages show the figures of before.",
                "If nothing changed since the last time, nothing is computed.",
            ),
            "The figures were asked for. They appear when a worker has computed them; open a page again in a minute.",
            no_figures,
            needs_worker=True,
        ),
        Step(
            "start",
            "Start the pilot",
            "Start the pilot?",
            (
                "Its window, limits, kinds of work and graders are registered under a hash. Some can still be changed later; "
                "each change is listed in the verdict and in every report.",
                "Requests that arrive from now on are sent to the candidates as well, if mirroring is on.",
                "The candidates' servers are asked once which models they serve.",
                FORWARDED,
            ),
            "The pilot runs. What was registered stands below.",
            _unless(PilotState.DRAFT, "it was started before"),
        ),
        Step(
            "mirror-off",
            "Switch mirroring off",
            "Switch mirroring off?",
            (
                FORWARDED,
                "Within a second no more requests are copied to candidates and control; what had arrived is still answered.",
                "Requests of the gap count as mirroring_off in the coverage; they cannot be fetched later.",
                "It can be switched on again at any time.",
            ),
            "Mirroring is off. Production keeps being forwarded.",
            lambda pilot: "" if pilot.mirror_on else "mirroring is off already",
        ),
        Step(
            "mirror-on",
            "Switch mirroring on",
            "Switch mirroring on?",
            (
                FORWARDED,
                "Within a second requests are copied to the candidates and the control again, while the pilot runs.",
                "Calls to paid candidates cost money, up to mirror.budget_usd.",
            ),
            "Mirroring is on.",
            lambda pilot: "mirroring is on already" if pilot.mirror_on else "",
        ),
        Step(
            "extend",
            "Extend the pilot",
            "Extend the pilot?",
            (
                "The window grows once, by at most 14 days. A further extension is refused.",
                "One more look was registered for this, 14 days after the last one: a shorter extension may end before it.",
                FORWARDED,
            ),
            "The pilot is extended.",
            _not_extended,
        ),
        Step(
            "default",
            "Make it the default",
            "Make this pilot the gateway's default?",
            (
                "Requests to the gateway's plain /v1 are this pilot's from now on: they are forwarded to its incumbent's "
                "address and count for it.",
                "The pilot that was the default gets no such requests any more; its own address keeps working.",
            ),
            "The gateway's plain /v1 is this pilot's.",
            _not_default,
        ),
        Step(
            "stop",
            "Stop the pilot",
            "Stop the pilot for good?",
            (
                FORWARDED,
                "No more requests are copied to candidates, and nothing more counts.",
                "A stopped pilot cannot be started again. What is stored stays readable, and reports can still be made.",
            ),
            "The pilot is stopped.",
            _unless(PilotState.RUNNING, "only a running one can be stopped"),
            is_final=True,
        ),
    )
}
