"""The two TypeScript SDKs, compiled together with their stories: openapi-generator's typescript-fetch, and
openapi-fetch over the types of openapi-typescript."""

import json
import re
import shutil

import names
from tools import HERE, fresh, node_packages, openapi_generator, run

UNTYPED = re.compile(r"\b(any|unknown|object)\b")
# Answers may always carry more headers, and an OpenAPI document more than its version.
OPEN_HEADERS = "[name: string]: unknown;"
OPEN_DOCUMENT = re.compile(r"^\s*\[key: string\]: (any|unknown)( \| \w+)*;$")


def with_typescript_fetch(document, environment):
    folder = node_packages()
    openapi_generator("typescript-fetch", document, folder / "typescript-fetch", "importFileExtension=.js")
    build_and_run(folder, "typescript_fetch", environment)

    declared = [*folder.glob("built/typescript-fetch/apis/*.d.ts"), *folder.glob("built/typescript-fetch/models/*.d.ts")]
    text = "\n".join(file.read_text() for file in declared)
    methods = re.findall(r"^    (\w+)\(.*\): Promise<(.*)>;$", text, re.M)
    wanted = {names.camel(name) for name in names.operation_ids(json.loads(document.read_text()))}
    expected = {f"{name}{suffix}" for name in wanted for suffix in ("", "Raw", "RequestOpts")}
    names.same("methods of typescript-fetch", (name for name, _ in methods), expected)
    # Everything between braces is ours; the converters outside, which take any JSON, are the generator's.
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
    names.same("operations of openapi-typescript", found, names.operation_ids(json.loads(document.read_text())))
    typed(text.splitlines())


def build_and_run(folder, story, environment):
    fresh(folder / "built")
    shutil.copy(HERE / "stories" / f"{story}.ts", folder)
    (folder / "tsconfig.story.json").write_text(
        json.dumps({"extends": "./tsconfig.json", "files": [f"{story}.ts"]})
    )
    run("npx", "--no-install", "tsc", "-p", "tsconfig.story.json", cwd=folder)
    run("node", f"built/{story}.js", cwd=folder, **environment)


def typed(lines):
    open_documents = 0
    for line in lines:
        code = re.sub(r"^\s*(/\*\*|\*|//).*", "", line).strip()
        if not UNTYPED.search(code) or code == OPEN_HEADERS:
            continue
        open_documents += bool(OPEN_DOCUMENT.match(code))
        if not OPEN_DOCUMENT.match(code) or open_documents > 1:
            raise SystemExit(f"untyped in TypeScript: {code}")
