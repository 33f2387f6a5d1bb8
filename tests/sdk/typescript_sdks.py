"""The TypeScript SDKs, compiled together with their scenarios: openapi-generator's typescript-fetch, and openapi-fetch
with the types of openapi-typescript."""

import json
import re
import shutil

import operation_names
from tools import HERE, fresh, node_packages, openapi_generator, run

UNTYPED = re.compile(r"\b(any|unknown|object)\b")
# Any answer may have more headers.
OPEN_HEADERS = "[name: string]: unknown;"
# The claims of a client may have any value.
OPEN_CLAIMS = re.compile(r"^(claims\??: )?\{? ?\[key: string\]: (any|unknown);( \};)?$")


def with_typescript_fetch(document, environment):
    folder = node_packages()
    openapi_generator("typescript-fetch", document, folder / "typescript-fetch", "importFileExtension=.js")
    build_and_run(folder, "typescript_fetch", environment)

    declared = [*folder.glob("built/typescript-fetch/apis/*.d.ts"), *folder.glob("built/typescript-fetch/models/*.d.ts")]
    text = "\n".join(file.read_text() for file in declared)
    methods = re.findall(r"^    (\w+)\(.*\): Promise<(.*)>;$", text, re.M)
    wanted = {operation_names.camel(name) for name in operation_names.operation_ids(json.loads(document.read_text()))}
    expected = {f"{name}{suffix}" for name in wanted for suffix in ("", "Raw", "RequestOpts")}
    operation_names.same("methods of typescript-fetch", (name for name, _ in methods), expected)
    # Indented lines are members of types; the converters outside of types accept any JSON.
    typed(line for line in text.splitlines() if line.startswith(" "))


def with_openapi_fetch(document, environment):
    folder = node_packages()
    schema = folder / "schema.ts"
    schema.unlink(missing_ok=True)
    run("npx", "--no-install", "openapi-typescript", document, "-o", schema, cwd=folder)
    build_and_run(folder, "openapi_fetch", environment)

    text = schema.read_text()
    operations = text[text.index("export interface operations"):]
    found = re.findall(r"^    (\w+): \{$", operations, re.M)
    operation_names.same("operations of openapi-typescript", found, operation_names.operation_ids(json.loads(document.read_text())))
    typed(text.splitlines())


def build_and_run(folder, scenario, environment):
    fresh(folder / "built")
    shutil.copy(HERE / "scenarios" / f"{scenario}.ts", folder)
    (folder / "tsconfig.scenario.json").write_text(
        json.dumps({"extends": "./tsconfig.json", "files": [f"{scenario}.ts"]})
    )
    run("npx", "--no-install", "tsc", "-p", "tsconfig.scenario.json", cwd=folder)
    run("node", f"built/{scenario}.js", cwd=folder, **environment)


def typed(lines):
    for line in lines:
        code = re.sub(r"^\s*(/\*\*|\*|//).*", "", line).strip()
        if UNTYPED.search(code) and code != OPEN_HEADERS and not OPEN_CLAIMS.match(code):
            raise SystemExit(f"untyped in TypeScript: {code}")
