from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, RootModel

from cultivar.llm.strict import strict_schema


class Slot(BaseModel):
    name: str
    default: str = "x"
    kind: Literal["a", "b"] | None = None


class Slots(BaseModel):
    slots: list[Slot] = []
    properties: int = 0


class Open(BaseModel):
    extra: dict[str, int]


class Unknown(BaseModel):
    value: Any


class Deep(BaseModel):
    inner: list[Open]


def test_every_object_is_closed_and_every_property_required() -> None:
    assert strict_schema(Slots.model_json_schema()) == {
        "$defs": {
            "Slot": {
                "type": "object",
                "title": "Slot",
                "properties": {
                    "name": {"title": "Name", "type": "string"},
                    "default": {"title": "Default", "type": "string"},
                    "kind": {
                        "title": "Kind",
                        "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
                    },
                },
                "required": ["name", "default", "kind"],
                "additionalProperties": False,
            }
        },
        "type": "object",
        "title": "Slots",
        "properties": {
            "slots": {"title": "Slots", "type": "array", "items": {"$ref": "#/$defs/Slot"}},
            "properties": {"title": "Properties", "type": "integer"},
        },
        "required": ["slots", "properties"],
        "additionalProperties": False,
    }


class Empty(BaseModel):
    pass


@pytest.mark.parametrize("schema", [Open, Unknown, Deep, Empty, RootModel[dict[str, int]]])
def test_what_cannot_be_closed_is_not(schema: type[BaseModel]) -> None:
    assert strict_schema(schema.model_json_schema()) is None


def test_the_schema_itself_stays_as_it_was() -> None:
    schema = Slots.model_json_schema()
    strict_schema(schema)
    assert schema == Slots.model_json_schema()
