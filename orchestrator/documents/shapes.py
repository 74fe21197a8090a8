"""What pydantic shapes have in common: strict, closed, and each field described by the text below it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A mapping with known keys and no others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@cache
def descriptions(shape: type[Shape]) -> Mapping[str, str]:
    """What the text below each field says, by the field's name in Python; {} where the source is not at hand.

    Read when an error message or a JSON Schema wants it. pydantic's own `use_attribute_docstrings` reads every
    shape's source whenever the program starts: a tenth of what loading a document costs.
    """
    try:
        (definition,) = ast.parse(inspect.getsource(shape)).body
    except OSError:
        return {}
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
