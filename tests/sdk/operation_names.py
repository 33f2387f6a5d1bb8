"""The names that generators give to operations: the operation ids in the case of the language."""

import re

from openapi30 import operations


def operation_ids(document):
    return {operation["operationId"] for _, _, operation in operations(document)}


def camel(name):
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def same(what, found, expected):
    """Fails unless the generated names are the expected ones."""
    found, expected = set(found), set(expected)
    if found != expected:
        raise SystemExit(f"{what}: unexpected {sorted(found - expected)}, missing {sorted(expected - found)}")


def without_body(document):
    """Operations that have an answer without a body, for which there is no type."""
    answers = {
        operation["operationId"]: operation["responses"].values() for _, _, operation in operations(document)
    }
    return {
        name for name, answers in answers.items()
        if any("content" not in answer and "$ref" not in answer for answer in answers)
    }
