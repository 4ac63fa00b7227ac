"""How tangled is a function? McCabe's count: one, and one more for each place where the way divides.

A nested function counts for itself and not for the one around it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DIVIDES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.match_case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """`annotated`: it says what it returns or what some argument is."""

    name: str
    complexity: int
    lines: int
    annotated: bool


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function of the module, with the names of what it is nested in."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FUNCTIONS):
                yield _measured(child, prefix)
                waiting.append((child, f"{prefix}{child.name}."))
            elif isinstance(child, ast.ClassDef):
                waiting.append((child, f"{prefix}{child.name}."))
            else:
                waiting.append((child, prefix))


def _measured(node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Function:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return Function(
        name=prefix + node.name,
        complexity=1 + sum(_weight(inner) for inner in _own(node)),
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        annotated=node.returns is not None or any(argument.annotation for argument in every),
    )


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What is inside the function and not inside a function of its own."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, FUNCTIONS):
            waiting.extend(ast.iter_child_nodes(node))


def _weight(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return int(isinstance(node, DIVIDES))
