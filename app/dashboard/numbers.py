"""Numbers in addresses of pages, however long: the page of what is missing says that there is none."""

from starlette.convertors import Convertor, register_url_convertor
from typing_extensions import override

LONGEST_DIGITS = 18
# The greatest that a column holds: no row ever has it.
BEYOND = 2**63 - 1


class NumberConvertor(Convertor[int]):
    """`{report_id:number}`: of more digits than a column of numbers holds it is a row that there is not."""

    regex = "[0-9]+"

    @override
    def convert(self, value: str) -> int:
        return int(value) if len(value) <= LONGEST_DIGITS else BEYOND

    @override
    def to_string(self, value: int) -> str:
        return str(value)


def register_numbers() -> None:
    """Makes `:number` known to addresses; before any is added."""
    register_url_convertor("number", NumberConvertor())
