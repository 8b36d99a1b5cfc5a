"""What a model needs of a GPU's memory: weights by quantisation, KV cache by token, and on how many GPUs that fits."""

import math
from dataclasses import dataclass

from app.domain.catalogue import CatalogueGpu, CatalogueModel, Quantisation

GB = 1_000_000_000
QUANTISATIONS: tuple[Quantisation, ...] = ("fp16", "int8", "int4")
_BYTES = {"fp16": 2.0, "int8": 1.0, "int4": 0.5}
# Scales, and the layers that are left in 16 bits: with both, the table of the guides is met to 1 GB (decision.md section 7).
INT4_FACTOR, INT4_LEAST_GB = 1.06, 1.0
# Of a GPU's memory, what a server takes for weights and KV cache: vLLM's own default; the rest is for its work.
USABLE_SHARE = 0.9
# Weights times this is room for the KV cache of several users, where a model's own sizes are not known (EV, 2026: 1.3 to 1.5).
HEADROOM_LOW, HEADROOM_HIGH = 1.3, 1.5
# Heads are shared out evenly, so a model runs on a power of two of GPUs; more than one server holds is not reckoned with.
PARALLEL = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Fit:
    """A model at one quantisation on whole GPUs of one kind.

    Attributes:
        gpus: Tensor-parallel count.
        weights_gb: Memory of the weights, all GPUs together.
        usable_gb: What a server may use of the GPUs' memory.
        kv_gb: What is left for the KV cache.
        kv_tokens: Tokens of context, of all users together, that fit in it; `None` where the model's sizes are not known.
        users: Users at once with the given context each; `None` where `kv_tokens` is.
    """

    model: CatalogueModel
    gpu: CatalogueGpu
    quantisation: Quantisation
    gpus: int
    weights_gb: float
    usable_gb: float
    kv_gb: float
    kv_tokens: int | None
    users: int | None


def weights_gb(parameters_billion: float, quantisation: Quantisation) -> float:
    """Memory of the weights in GB (10^9 bytes); all parameters of a mixture of experts lie in memory.

    Example:
        >>> [round(weights_gb(70, quantisation), 1) for quantisation in ("fp16", "int8", "int4")]
        [140.0, 70.0, 37.1]
    """
    if parameters_billion <= 0:
        message = f"parameters_billion must be above 0, not {parameters_billion}"
        raise ValueError(message)
    plain = parameters_billion * _BYTES[quantisation]
    return max(plain * INT4_FACTOR, plain + INT4_LEAST_GB) if quantisation == "int4" else plain


def fit_on(
    model: CatalogueModel, gpu: CatalogueGpu, quantisation: Quantisation, gpus: int, *, context_tokens: int, users: int = 1
) -> Fit | None:
    """The model on so many GPUs; `None` where it does not fit with the contexts of that many users at once.

    Where the sizes of its KV cache are not known, the weights times 1.3 must fit.

    Args:
        model: Of the catalogue.
        gpu: Of the catalogue.
        quantisation: Of the weights; the KV cache has 2 bytes a value.
        gpus: How many work on one replica.
        context_tokens: Of one user: what was asked and what is answered.
        users: At once.
    """
    weights = weights_gb(model.parameters_billion, quantisation)
    usable = gpus * gpu.memory_gb * USABLE_SHARE
    left, each = usable - weights, model.kv_bytes_per_token
    if each is None:
        fits = weights * HEADROOM_LOW <= usable
        return Fit(model, gpu, quantisation, gpus, weights, usable, left, None, None) if fits else None
    tokens = math.floor(left * GB / each)
    if tokens < context_tokens * users:
        return None
    return Fit(model, gpu, quantisation, gpus, weights, usable, left, tokens, tokens // context_tokens)


def smallest_fits(
    model: CatalogueModel, gpu: CatalogueGpu, *, context_tokens: int, users: int, most_gpus: int = PARALLEL[-1]
) -> list[Fit]:
    """For each count of GPUs the most exact weights that fit, unless fewer GPUs hold them already; fewest GPUs first."""
    exact = QUANTISATIONS[QUANTISATIONS.index(model.released_in) :]
    found: list[Fit] = []
    for gpus in (count for count in PARALLEL if count <= most_gpus):
        tried = (fit_on(model, gpu, each, gpus, context_tokens=context_tokens, users=users) for each in exact)
        here = next((fit for fit in tried if fit is not None), None)
        if here is not None and here.quantisation not in {fit.quantisation for fit in found}:
            found.append(here)
    return found
