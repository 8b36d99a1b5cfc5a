"""The whole pack: a report in every format."""

from app.reports.rendering import each_format
from app.reports.view import ReportView


def make_pack(view: ReportView) -> dict[str, bytes]:
    """The report in each format, by its name; format `zip` is the same in one file."""
    return dict(each_format(view))
