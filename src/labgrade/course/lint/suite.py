"""The suite: a function for each check and a check for each function. It is parsed, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from labgrade.course.lint.draft import SUITE, Draft, words
from labgrade.course.yamlfile import FileError, nearest

Function = ast.FunctionDef | ast.AsyncFunctionDef


def findings(draft: Draft) -> Iterator[FileError]:
    """No Python, functions that ask nothing, and names in which suite and rubric differ."""
    path = draft.folder / SUITE
    functions = _functions(path)
    seen: set[str] = set()
    for function in functions:
        if function.name in seen:
            yield FileError(path, function.lineno, f"{function.name} stands here a second time, and hides the first")
        seen.add(function.name)
        if isinstance(function, ast.AsyncFunctionDef):
            yield FileError(path, function.lineno, f"{function.name} is async, and would never be awaited")
        if all(_says_nothing(each) for each in function.body):
            yield FileError(path, function.lineno, f"{function.name} asks nothing, and would always pass")
    if draft.lab and draft.rubric:
        names = [f"test_{check.id}" for check in draft.lab.checks]
        for function in functions:
            if function.name not in names:
                problem = f"{function.name} has no check in lab.yaml{nearest(function.name, names)}"
                yield FileError(path, function.lineno, problem)
        for check in draft.lab.checks:
            if f"test_{check.id}" not in seen:
                problem = f"checks.{check.id} has no function test_{check.id} in {SUITE}"
                yield FileError(draft.rubric.path, draft.rubric.line(("checks", check.id)), problem)


def _functions(path: Path) -> list[Function]:
    try:
        tree = ast.parse(words(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise FileError(path, getattr(error, "lineno", None) or 0, f"is no Python: {_message(error)}") from error
    found = [each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each for each in found if each.name.startswith("test_")]


def _message(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, `...` or `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
