"""Arguments and options that several commands share."""

from typing import Annotated, TypeAlias

import typer

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The pilot's name.", show_default=False)]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Prints one line of JSON, for programs.")]
