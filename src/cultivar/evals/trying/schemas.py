"""A reply's form, from a JSON schema that was written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import RootModel, model_validator

from cultivar.evals.assertions.contents import schema_validator


def fitting(name: str, schema: Mapping[str, Any]) -> type[RootModel[Any]]:
    """The form of replies that fit a schema.

    Args:
        name: What the form is called where a model is asked for it.
        schema: A JSON schema; it refers to nothing outside of itself.

    Raises:
        ValueError: It is no JSON schema.
    """
    validator = schema_validator(schema)

    class Fitting(RootModel[Any]):
        @classmethod
        def model_json_schema(cls, *_args: Any, **_options: Any) -> dict[str, Any]:
            return dict(schema)

        @model_validator(mode="after")
        def fits(self) -> Fitting:
            problem = next(iter(validator.iter_errors(self.root)), None)
            if problem is not None:
                place = ".".join(str(each) for each in problem.absolute_path) or "reply"
                raise ValueError(f"`{place}`: {problem.message}")
            return self

    Fitting.__name__ = name
    return Fitting
