"""Numbers in addresses of pages: at most as long as a row's number is; a longer one is an address that there is not."""

from starlette.convertors import Convertor, register_url_convertor
from typing_extensions import override


class NumberConvertor(Convertor[int]):
    """`{report_id:number}`: up to 18 digits, which every column of numbers holds."""

    regex = "[0-9]{1,18}"

    @override
    def convert(self, value: str) -> int:
        return int(value)

    @override
    def to_string(self, value: int) -> str:
        return str(value)


def register_numbers() -> None:
    """Makes `:number` known to addresses; before any is added."""
    register_url_convertor("number", NumberConvertor())
