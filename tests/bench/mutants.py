"""Small wrong versions of a module: comparisons inverted or loosened, square roots dropped, arms and signs swapped."""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# Words that a slip of the pen exchanges: within names, or a whole string.
_PARTNERS = (
    ("incumbent", "candidate"), ("lowest", "highest"), ("lower", "upper"), ("low", "high"), ("first", "second"),
    ("below", "above"), ("passed", "failed"), ("passes", "fails"), ("passing", "failing"), ("rises", "falls"),
    ("before", "after"), ("judge", "person"), ("least", "most"), ("one", "other"), ("wanted", "given"),
    ("ours", "theirs"),
)  # fmt: skip
_PARTNER = {word: other for pair in _PARTNERS for word, other in (pair, pair[::-1])}
_SIGNS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong version.

    Attributes:
        line: Where.
        name: Which, without the line: it stays the same while the code around changes.
    """

    line: int
    name: str


@dataclass(frozen=True, slots=True)
class _Change:
    """A node that is replaced by others, one at a time."""

    node: ast.AST
    others: tuple[ast.AST, ...]


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every wrong version of a module's source."""
    return (mutant for mutant, _, _ in _versions(ast.parse(source)))


def tree_of(source: str, mutant: Mutant) -> ast.Module:
    """The whole module as that version has it."""
    tree = ast.parse(source)
    node, other = next((node, other) for found, node, other in _versions(tree) if found == mutant)
    return ast.fix_missing_locations(copy.deepcopy(tree, {id(node): other}))


def _versions(tree: ast.Module) -> Iterator[tuple[Mutant, ast.AST, ast.AST]]:
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    words |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    seen: dict[str, int] = {}
    for place, change in _changes(tree, words):
        for other in change.others:
            name = f"{place}: {_text(change.node)} -> {_text(other)}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name} #{seen[name]}"
            yield Mutant(getattr(change.node, "lineno", 0), name), change.node, other


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _changes(tree: ast.Module, words: set[str]) -> Iterator[tuple[str, _Change]]:
    for place, node in _places(tree, ""):
        for rule in (_comparisons, _roots, _swapped_values, _signs):
            if others := tuple(rule(node)):
                yield place, _Change(node, others)
        if others := tuple(_names(node, words)):
            yield place, _Change(node, others)


def _places(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node that runs, with the name of what it is in; annotations, docstrings and messages of errors do not count."""
    skipped = _skipped(node)
    for child in ast.iter_child_nodes(node):
        if id(child) in skipped:
            continue
        named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        inside = f"{place}.{child.name}".lstrip(".") if isinstance(child, ast.FunctionDef | ast.ClassDef) else place
        if not named:
            yield inside or "module", child
        yield from _places(child, inside)


def _skipped(node: ast.AST) -> set[int]:
    found: list[ast.AST | None] = []
    if isinstance(node, ast.FunctionDef):
        found += [node.returns]
    if isinstance(node, ast.arg | ast.AnnAssign):
        found += [node.annotation]
    if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "message" for target in node.targets):
        found += [node.value]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        found += [node.value]
    return {id(part) for part in found if part is not None}


def _comparisons(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Compare):
        return
    for number, operator in enumerate(node.ops):
        for other in _COMPARED.get(type(operator), ()):
            ops = [other() if place == number else kept for place, kept in enumerate(node.ops)]
            yield ast.copy_location(ast.Compare(node.left, ops, node.comparators), node)


def _roots(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sqrt":
        yield node.args[0]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node.right) == "0.5":
        yield node.left


def _signs(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield ast.copy_location(ast.BinOp(node.left, _SIGNS[type(node.op)](), node.right), node)
    elif isinstance(node, ast.AugAssign) and type(node.op) in _SIGNS:
        yield ast.copy_location(ast.AugAssign(node.target, _SIGNS[type(node.op)](), node.value), node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield node.operand


def partner_of(name: str) -> str | None:
    """The name with one of its words exchanged for its partner; `None` = it has none.

    A name is cut at underscores; upper case stays upper case.
    """
    parts = re.split(r"(_)", name)
    for place, part in enumerate(parts):
        if other := _PARTNER.get(part.lower()):
            changed = other.upper() if part.isupper() else other
            return "".join([*parts[:place], changed, *parts[place + 1 :]])
    return None


def _names(node: ast.AST, words: set[str]) -> Iterator[ast.AST]:
    """A name read for its partner, where the module knows that one too."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        other = partner_of(node.id)
        if other in words and other is not None:
            yield ast.copy_location(ast.Name(other, node.ctx), node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        other = partner_of(node.attr)
        if other in words and other is not None:
            yield ast.copy_location(ast.Attribute(node.value, other, node.ctx), node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        other = _PARTNER.get(node.value)
        if other is not None:
            yield ast.copy_location(ast.Constant(other), node)


def _swapped_values(node: ast.AST) -> Iterator[ast.AST]:
    """Two partners side by side, exchanged: arguments by name, by place, and what is unpacked."""
    if isinstance(node, ast.Call):
        yield from _swapped_keywords(node)
        for args in _exchanged(node.args):
            yield ast.copy_location(ast.Call(node.func, args, node.keywords), node)
    elif isinstance(node, ast.Tuple):
        for parts in _exchanged(node.elts):
            yield ast.copy_location(ast.Tuple(parts, node.ctx), node)


def _swapped_keywords(node: ast.Call) -> Iterator[ast.AST]:
    names = [keyword.arg or "" for keyword in node.keywords]
    for place, name in enumerate(names):
        other = partner_of(name)
        if other in names[place + 1 :]:
            there = names.index(other)
            keywords = list(node.keywords)
            keywords[place] = ast.keyword(name, node.keywords[there].value)
            keywords[there] = ast.keyword(other, node.keywords[place].value)
            yield ast.copy_location(ast.Call(node.func, node.args, keywords), node)


def _exchanged(parts: list[ast.expr]) -> Iterator[list[ast.expr]]:
    names = [_name_of(part) for part in parts]
    for place, name in enumerate(names):
        other = partner_of(name)
        if other in names[place + 1 :]:
            there = names.index(other, place + 1)
            changed = list(parts)
            changed[place], changed[there] = parts[there], parts[place]
            yield changed


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
