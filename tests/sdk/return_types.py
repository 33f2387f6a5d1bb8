"""Prints the return types of all methods of a generated package's classes as JSON. Argument: the package."""

import importlib
import inspect
import json
import sys
import typing

package = importlib.import_module(sys.argv[1])
returns = {}
for name, group in inspect.getmembers(package, inspect.isclass):
    for method, function in inspect.getmembers(group, inspect.isfunction):
        what = typing.get_type_hints(function).get("return", typing.Any)
        returns[method] = getattr(what, "__name__", str(what)) if isinstance(what, type) else str(what)
print(json.dumps(returns))
