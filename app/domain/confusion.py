"""Which labels the arms gave to the same requests: where they disagree, and in which direction."""

from app.domain.estimate_models import EstimateModel, Model

MAX_LABELS = 20
# A label of fewer replies is not told: a model that does not keep to labels writes a sentence, which not everybody may read.
LEAST_REPLIES = 3
# Stand in the table for rarer labels, and for a reply that is no label; no label of a reply has brackets around it.
RARER, NO_LABEL = "(other)", "(no label)"


class ConfusionModel(Model):
    """One candidate's labels against the incumbent's, in one segment.

    Attributes:
        counts: Pairs by the incumbent's label, then by the candidate's; the most frequent label first.
        agreement: Share of the pairs on which both give the same label, n = pairs, for one look at the end; descriptive.
        rarer_labels: How many labels are together in `(other)`.
    """

    counts: dict[str, dict[str, int]]
    agreement: EstimateModel
    rarer_labels: int = 0
