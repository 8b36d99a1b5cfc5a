"""Which family a model belongs to, guessed from its name: a judge must not be of the family of an arm it judges."""

import re

# Name parts by family, as vendors use them; the first match in the name decides.
PARTS: dict[str, tuple[str, ...]] = {
    "openai": ("openai", "gpt", "chatgpt", "o1", "o3", "o4", "davinci", "babbage"),
    "anthropic": ("anthropic", "claude"),
    "google": ("google", "gemini", "gemma", "palm"),
    "llama": ("llama", "vicuna", "alpaca", "tulu", "meta"),
    "qwen": ("qwen", "qwq", "qvq", "tongyi", "alibaba"),
    "mistral": ("mistralai", "mistral", "mixtral", "ministral", "magistral", "codestral", "devstral", "pixtral"),
    "deepseek": ("deepseek",),
    "microsoft": ("microsoft", "phi", "mai"),
    "cohere": ("cohere", "cohereforai", "command-r", "command-a", "aya"),
    "xai": ("xai", "grok"),
    "zhipu": ("zhipu", "glm", "chatglm"),
    "moonshot": ("moonshot", "moonshotai", "kimi"),
    "minimax": ("minimax",),
    "amazon": ("amazon", "nova", "titan"),
    "ibm": ("ibm", "granite"),
    "nvidia": ("nvidia", "nemotron"),
    "allenai": ("allenai", "olmo"),
    "01-ai": ("yi",),
    "ai21": ("ai21", "jamba"),
    "baidu": ("baidu", "ernie"),
    "tencent": ("tencent", "hunyuan"),
    "bytedance": ("bytedance", "seed-oss", "doubao"),
    "huggingface": ("smollm",),
    "tii": ("falcon",),
}
_FAMILY = {part: family for family, parts in PARTS.items() for part in parts}
_ORDER = sorted(_FAMILY, key=len, reverse=True)
_PART = re.compile(rf"(?<![a-z0-9])({'|'.join(_ORDER)})(?![a-z])")
_DISTILLED = re.compile(r"distill?(?:ed)?[-_]([a-z0-9.]+.*)")


def guess_family(model: str) -> str | None:
    """The family that a model's name speaks of; `None` if no part of it is known.

    A distilled model is of the family whose weights it has: `DeepSeek-R1-Distill-Qwen-32B` is `qwen`. The model's own
    name goes before the account's: `nvidia/Llama-3.1-Nemotron` is `llama`.
    """
    lowered = model.lower()
    distilled = _DISTILLED.search(lowered)
    own = lowered.rpartition("/")[2]
    for text in (distilled[1] if distilled else "", own, lowered):
        found = _PART.search(text)
        if found:
            return _FAMILY[found[1]]
    return None


def same_family(one: str | None, other: str | None) -> bool:
    """Whether two family names mean the same; unknown ones never do."""
    return one is not None and other is not None and _canonical(one) == _canonical(other)


def _canonical(family: str) -> str:
    plain = family.strip().lower()
    return _FAMILY.get(plain, plain)


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model: letter case, the account before the slash and a date at the end do not count."""
    return _plain_model(one) == _plain_model(other)


def _plain_model(model: str) -> str:
    return re.sub(r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|:latest)$", "", model.strip().lower().rpartition("/")[2])
