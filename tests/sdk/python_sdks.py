"""The Python SDKs of openapi-generator and openapi-python-client."""

import json
import re
import sys

import operation_names
from tools import HERE, WORK, fresh, openapi_generator, run


def with_openapi_generator(document, environment):
    folder = WORK / "python"
    openapi_generator("python", document, folder, "packageName=hallpass_sdk")
    found = inspect(folder, "hallpass_sdk.api")
    public = {name: returns for name, returns in found.items() if not name.startswith("_")}
    raw = ("_with_http_info", "_without_preload_content")
    methods = {name: returns for name, returns in public.items() if not name.endswith(raw)}
    ids = operation_names.operation_ids(json.loads(document.read_text()))
    operation_names.same("methods of openapi-generator's Python", methods, ids)
    typed(methods)
    typed_fields(folder / "hallpass_sdk" / "models")
    run_scenario("openapi_generator.py", folder, environment)


def with_openapi_python_client(document, environment):
    folder = fresh(WORK / "python-client")
    settings = folder / "settings.yaml"
    settings.write_text("package_name_override: hallpass_client\n")
    package = folder / "hallpass_client"
    run(
        "openapi-python-client", "generate", "--path", document, "--meta", "none", "--output-path", package,
        "--config", settings, "--fail-on-warning",
    )
    contents = json.loads(document.read_text())
    modules = {file.stem: file for file in package.glob("api/*/*.py") if file.stem != "__init__"}
    operation_names.same("modules of openapi-python-client", modules, operation_names.operation_ids(contents))
    returns = {}
    for name, file in modules.items():
        returns[name] = re.search(r"^def sync_detailed\(.*?\) -> (.*?):\n", file.read_text(), re.M | re.S)[1]
    typed(returns, allowed=operation_names.without_body(contents))
    typed_fields(package / "models")
    run_scenario("openapi_python_client.py", folder, environment)


def inspect(folder, package):
    """The return types of all methods of the classes of a package."""
    said = run(sys.executable, HERE / "return_types.py", package, PYTHONPATH=str(folder))
    return json.loads(said)


def typed(types, allowed=()):
    """Fails if a type is missing or open, except for those of the names in `allowed`."""
    for name, what in types.items():
        if re.search(r"\b(Any|object)\b", what) and name not in allowed:
            raise SystemExit(f"{name} is untyped: {what}")


def typed_fields(models):
    """Fails if a field of a model has no type; `additional_properties` and claims may hold any value."""
    for file in models.glob("*.py"):
        for name, what in re.findall(r"^    (\w+): (.*)$", file.read_text(), re.M):
            if name not in ("additional_properties", "claims"):
                typed({f"{file.stem}.{name}": what})


def run_scenario(file, folder, environment):
    # Generated SDKs must not use deprecated functions.
    run(sys.executable, "-W", "error::DeprecationWarning", HERE / "scenarios" / file, PYTHONPATH=str(folder), **environment)
