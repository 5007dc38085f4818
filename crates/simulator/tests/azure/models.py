"""Prints what packages of Azure's SDK carry of Azure's published models as JSON: every class with its members as they are
on the wire, and every operation with its method and URL.

Usage: models.py <module> ...; each module has a `models` package. Types are "str", "int", "float", "bool", "any",
{"enum": [...]}, {"list": type}, {"map": type}, {"model": name}.
"""

import datetime
import enum
import importlib
import inspect
import json
import sys
import typing


def described(hint):
    """A type of Python as a type on the wire."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        arguments = [argument for argument in arguments if argument is not type(None)]
        enums = [argument for argument in arguments if isinstance(argument, type) and issubclass(argument, enum.Enum)]
        if enums:
            return {"enum": [value.value for value in enums[0]]}
        return described(arguments[0]) if len(arguments) == 1 else "any"
    if origin is list:
        return {"list": described(arguments[0])}
    if origin is dict:
        return {"map": described(arguments[1])}
    if origin is typing.Literal:
        return {"enum": [getattr(value, "value", value) for value in arguments]}
    if hasattr(hint, "_is_model"):
        return {"model": hint.__name__}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [value.value for value in hint]}
    names = {str: "str", int: "int", float: "float", bool: "bool", datetime.datetime: "str", bytes: "str"}
    return names.get(hint, "any")


def members(model, models):
    """The members of a model by their names on the wire."""
    model({})  # Fills the class's table of fields.
    hints = {}
    for base in reversed(model.__mro__):
        scope = dict(vars(sys.modules[base.__module__]), _models=models)
        hints.update(typing.get_type_hints(base, scope, scope) if base is not object else {})
    found = {}
    for name, field in model._attr_to_rest_field.items():
        visibility = field._visibility
        found[field._rest_name] = {
            "type": described(hints[name]),
            "read_only": visibility == ["read"],
            # A required member is annotated without Optional.
            "required": type(None) not in typing.get_args(hints[name]) and visibility != ["read"],
        }
    return found


# What stands for each argument of an operation in its URL.
PLACES = {
    "subscription_id": "00000000-0000-4000-8000-000000000001",
    "resource_group_name": "platform",
    "resource_name": "c",
    "agent_pool_name": "p",
    "config_name": "default",
    "location": "eastus",
    "resource_provider_namespace": "Microsoft.ContainerService",
}


def routes(module):
    """Method and URL of every operation whose arguments have a place, by its name: `ManagedClusters_Get`."""
    found = {}
    package = importlib.import_module(module + ".operations")
    for group, operations in vars(package).items():
        source = sys.modules.get(getattr(operations, "__module__", ""))
        if not group.endswith("Operations") or source is None:
            continue
        group = group.removesuffix("Operations")
        for method in vars(operations):
            name = method.removeprefix("begin_")
            stem = "".join("_" + c.lower() if c.isupper() else c for c in group).lstrip("_")
            build = getattr(source, f"build_{stem}_{name}_request", None)
            if build is None:
                continue
            needed = [p.name for p in inspect.signature(build).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
            if all(argument in PLACES for argument in needed):
                request = build(*(PLACES[argument] for argument in needed))
                camel = "".join(word.capitalize() for word in name.split("_"))
                found[f"{group}_{camel}"] = {"method": request.method, "url": request.url}
    return found


shapes, operations = {}, {}
for module in sys.argv[1:]:
    models = importlib.import_module(module + ".models")
    for name, model in vars(models).items():
        if isinstance(model, type) and hasattr(model, "_is_model"):
            shapes[name] = members(model, models)
    operations.update(routes(module))
json.dump({"shapes": shapes, "operations": operations}, sys.stdout)
