"""A report whose every text from outside is made to break a page."""

from app.domain.report import PairExample
from app.reports.build import build_document
from app.reports.view import ReportView
from tests.unit.reports.examples import HOURS, MADE_AT, a_candidate, a_full_configuration, a_scorecard, a_verdict, hybrid

EVIL = (
    '#eval("1+1") $x^2$ *bold* _it_ `raw` @ref <label> \\ #import "/etc/passwd": * \'q\' ] ) } // /* \x07\u202e'
    " עברית العربية 😀 中文 " + "W" * 300
)
NAME = '#eval("6*7") $y$ *b* @r <l> \\ ] } // 😀 ' + "M" * 50


def a_hostile_view() -> ReportView:
    """Names, reasons, segments and pairs."""
    card = hybrid().candidates["qwen"]
    many = [EVIL] * 6
    verdict = a_verdict(card.verdict.outcome, reasons=many, would_change=many, not_tested=many, routing={NAME: NAME})
    segments = {NAME: card.segments["triage"].model_copy(update={"reason": EVIL})}
    base = {"base_url": "http://127.0.0.1:8000/v1", "model": EVIL.replace("\x07", "")}
    configuration = a_full_configuration(candidate=[base | {"name": NAME}], incumbent=base, judge=base)
    document = build_document(a_scorecard({NAME: a_candidate(verdict, segments=segments)}), configuration, HOURS, MADE_AT)
    pair = PairExample(
        exchange=EVIL, exchange_number=1, candidate=NAME, segment=NAME, chosen_as="worst", preference=0.0, rule="judge",
        reasons=(EVIL,), request=EVIL, incumbent_reply=EVIL, candidate_reply=EVIL,
    )  # fmt: skip
    return ReportView(document, examples=(pair,))
