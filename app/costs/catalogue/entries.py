"""The catalogue as one: the built-in lines, and before them those of the user's own file."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypeVar

from app.costs.catalogue.reading import problem_of, read_file, refused
from app.domain.catalogue import CatalogueFile, CatalogueGpu, CatalogueModel, Claim, GpuPrice, NamedLine, SourceLine
from app.domain.toml_lines import Path as TomlPath
from app.errors import InvalidInput, Problem

FOLDER = Path(__file__).parent
FILES = ("sources.toml", "gpus.toml", "models.toml", "claims.toml")
_Entry = TypeVar("_Entry", bound=NamedLine)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models, GPUs, prices and what the field says of them.

    Attributes:
        own: Names, in lower case, of models and GPUs that the user's own file gives or prices.
    """

    sources: tuple[SourceLine, ...]
    models: tuple[CatalogueModel, ...]
    gpus: tuple[CatalogueGpu, ...]
    prices: tuple[GpuPrice, ...]
    claims: tuple[Claim, ...]
    own: frozenset[str] = frozenset()

    def model(self, name: str) -> CatalogueModel | None:
        """The model that is served under exactly this name, letter case aside."""
        return _named(self.models, name)

    def gpu(self, name: str) -> CatalogueGpu | None:
        """The GPU of exactly this name, letter case aside."""
        return _named(self.gpus, name)

    def prices_of(self, gpu: str) -> tuple[GpuPrice, ...]:
        """Every source's price of a GPU; the user's own, where there is one, alone."""
        return tuple(price for price in self.prices if price.gpu.lower() == gpu.lower())

    def claims_on(self, *, model: str | None = None, gpu: str | None = None) -> tuple[Claim, ...]:
        """What the field says of a model; or of a GPU, whatever the model."""
        if model is not None:
            return tuple(claim for claim in self.claims if (claim.model or "").lower() == model.lower())
        wanted = (gpu or "").lower()
        return tuple(claim for claim in self.claims if claim.model is None and (claim.gpu or "").lower() == wanted)

    def title_of(self, source: str) -> str:
        """A source's title; its own words where it has no short name."""
        return next((line.title for line in self.sources if line.key == source), source)


def catalogue(own: Path | None = None) -> Catalogue:
    """The built-in catalogue, and before it the user's own file.

    An own model or GPU takes the place of a built-in one of the same name; own prices of a GPU take the place of all others.

    Raises:
        InvalidInput: If the own file cannot be read or is wrong: file, line, field and what is allowed.
    """
    built_in = _built_in()
    if own is None:
        return built_in
    try:
        text = own.read_bytes()
    except OSError as error:
        message = f"the catalogue {own} (PILOT_CATALOGUE) cannot be read: {error.strerror or error}"
        raise InvalidInput(message, (Problem(message, code="unreadable"),), file=str(own)) from None
    file, lines = read_file(text, str(own))
    _check(file, lines, str(own), built_in)
    return _merged(built_in, file)


@cache
def _built_in() -> Catalogue:
    merged = Catalogue((), (), (), (), ())
    for name in FILES:
        file, lines = read_file((FOLDER / name).read_bytes(), name)
        _check(file, lines, name, merged)
        merged = _merged(merged, file, is_own=False)
    return merged


def _merged(base: Catalogue, file: CatalogueFile, *, is_own: bool = True) -> Catalogue:
    models, gpus = _over(file.model, base.models), _over(file.gpu, base.gpus)
    given = [price.model_copy(update={"gpu": _proper(gpus, price.gpu)}) for price in file.price]
    claims = [
        claim.model_copy(update={"gpu": _proper(gpus, claim.gpu), "model": _proper(models, claim.model)})
        for claim in file.claim
    ]
    priced = {price.gpu for price in given}
    prices = (*given, *(price for price in base.prices if price.gpu not in priced))
    named = {entry.name for entry in (*file.model, *file.gpu)} | priced
    own = base.own | {name.lower() for name in named} if is_own else base.own
    return Catalogue((*file.source, *base.sources), models, gpus, prices, (*base.claims, *claims), own)


def _proper(entries: Iterable[_Entry], name: str | None) -> str | None:
    """The entry's own name for one of its names."""
    found = None if name is None else _named(entries, name)
    return name if found is None else found.name


def _over(own: tuple[_Entry, ...], base: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    """Own entries first, so that their names are found first; a built-in one of the same name is left out."""
    taken = {entry.name.lower() for entry in own}
    return (*own, *(entry for entry in base if entry.name.lower() not in taken))


def _check(file: CatalogueFile, lines: dict[TomlPath, int], name: str, base: Catalogue) -> None:
    """Names given twice in the file, and lines about what there is not."""
    problems = [*_twice(file.model, "model", lines), *_twice(file.gpu, "gpu", lines)]
    models = {name for entry in (*file.model, *base.models) for name in (entry.name, *entry.names)}
    gpus = {name for entry in (*file.gpu, *base.gpus) for name in (entry.name, *entry.names)}
    for place, price in enumerate(file.price):
        problems += _absent(price.gpu, gpus, ("price", place, "gpu"), lines)
    for place, claim in enumerate(file.claim):
        problems += _absent(claim.model, models, ("claim", place, "model"), lines)
        problems += _absent(claim.gpu, gpus, ("claim", place, "gpu"), lines)
    if problems:
        raise refused(name, problems)


def _twice(entries: tuple[_Entry, ...], table: str, lines: dict[TomlPath, int]) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for place, entry in enumerate(entries):
        for said in sorted(entry.every_name):
            other = first.setdefault(said, place)
            if other != place:
                message = f"{said!r} is also a name of {table}[{other}] on line {lines.get((table, other))}"
                problems.append(problem_of((table, place, "name"), message, "duplicate", lines))
    return problems


def _absent(name: str | None, known: Iterable[str], path: TomlPath, lines: dict[TomlPath, int]) -> list[Problem]:
    listed = sorted(known)
    if name is None or name.lower() in {one.lower() for one in listed}:
        return []
    nearest = get_close_matches(name, listed, n=1, cutoff=0.0)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
    return [problem_of(path, f"there is no {path[-1]} {name!r} in the catalogue{hint}", "unknown", lines)]


def _named(entries: Iterable[_Entry], name: str) -> _Entry | None:
    wanted = name.strip().lower()
    return next((entry for entry in entries if wanted in entry.every_name), None)
