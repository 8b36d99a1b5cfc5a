"""Which conversations take part, and for which of them the incumbent is asked again."""

from app.domain.sampling import sample_point


def takes_part(conversation: str, rate: float) -> bool:
    """Whether a conversation is in the sample. All arms share its point: a smaller sample lies inside a larger one."""
    return sample_point(conversation) < rate


def has_control(conversation: str, rate: float) -> bool:
    """Whether the control arm is asked: by a point of its own, so that its share of every sample is the same."""
    return sample_point(f"control\n{conversation}") < rate
