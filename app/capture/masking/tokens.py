"""Keys and tokens whose issuers give them a shape of their own."""

import re
from collections.abc import Iterator

from app.capture.masking.entropy import looks_random
from app.capture.masking.spans import Span

KIND = "KEY"
LETTERS_BOTH, LETTERS_ONLY = 24, 30
# The beginning says who issued it. Each is followed by signs that are bounded only where the shape is fixed.
_SHAPES = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"github_pat_[A-Za-z0-9_]{20,255}|gh[opusr]_[A-Za-z0-9]{20,255}|gl(?:pat|dt|rt|cbt|ptt|soat|ft|imt|agent|oas)-[A-Za-z0-9_-]{16,255}|"
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}(?![A-Za-z0-9])|"
    r"AIza[A-Za-z0-9_-]{30,60}|ya29\.[A-Za-z0-9_-]{20,1000}|GOCSPX-[A-Za-z0-9_-]{20,60}|"
    r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-\d-[A-Za-z0-9-]{10,255}|"
    r"[prs]k_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{16,255}|"
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|key-[0-9a-f]{32}(?![0-9A-Za-z])|(?:AC|SK)[0-9a-f]{32}(?![0-9A-Za-z])|"
    r"npm_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{40,255}|rubygems_[0-9a-f]{40,64}|dckr_pat_[A-Za-z0-9_-]{20,64}|"
    r"do[opr]_v1_[a-f0-9]{40,64}|dapi[a-f0-9]{32}(?:-\d)?|hv[sbr]\.[A-Za-z0-9_-]{20,255}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|"
    r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,60}|EAAC[A-Za-z0-9]{20,255}|lin_api_[A-Za-z0-9]{30,64}|ntn_[A-Za-z0-9]{30,64}|"
    r"figd_[A-Za-z0-9_-]{30,64}|dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{30,255}|AGE-SECRET-KEY-1[A-Z0-9]{40,64}|"
    r"sntry[su]_[A-Za-z0-9_=+/-]{30,255}|glsa_[A-Za-z0-9_]{30,64}|PMAK-[A-Za-z0-9-]{30,80}|\d{8,10}:AA[A-Za-z0-9_-]{32,33}(?![A-Za-z0-9_-])|"
    r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,255}|"
    r"https://(?:discord|discordapp)\.com/api/webhooks/\d{10,25}/[A-Za-z0-9_-]{40,100}"
    r")"
)
# Words may begin like these; what follows must look random.
_RANDOM_AFTER = re.compile(
    r"(?<![0-9A-Za-z_-])(?:sk-(?:ant-(?:api|admin|oat)\d{2}-|ant-|proj-|svcacct-|admin-|or-v1-|lf-)?|hf_|api_org_|gsk_|xai-|r8_|pplx-|nvapi-|"
    r"fw_|tgp_v1_|csk-|pp_|lsv2_(?:pt|sk)_|rk-|fk-|secret_)([A-Za-z0-9_-]{16,300})"
)
_LONG = re.compile(r"[A-Za-z0-9]{12}")
_BOTH_CASES = re.compile(r"(?=.*[a-z])(?=.*[A-Z])")


def find_tokens(text: str, _: str = "") -> Iterator[Span]:
    """Keys of OpenAI, Anthropic, AWS, GitHub, GitLab, Slack, Google, Hugging Face, Stripe and others."""
    for found in _SHAPES.finditer(text):
        yield Span(found.start(), found.end(), KIND, found[0])
    for found in _RANDOM_AFTER.finditer(text):
        if (_LONG.search(found[1]) and looks_random(found[1])) or _is_one_word(found[1]):
            yield Span(found.start(), found.end(), KIND, found[0])


def _is_one_word(text: str) -> bool:
    """Some issuers use letters only, more of them in a row than any word has."""
    return text.isalnum() and len(text) > (LETTERS_BOTH if _BOTH_CASES.match(text) else LETTERS_ONLY)
