"""The Rust SDKs of openapi-generator and progenitor, in one workspace."""

import functools
import json
import re
import shutil

import operation_names
from openapi30 import downgrade
from tools import HERE, WORK, openapi_generator, run

FOLDER = WORK / "rust"


def with_openapi_generator(document, environment):
    prepare(document)
    ids = operation_names.operation_ids(json.loads(document.read_text()))
    sources = [file.read_text() for file in (FOLDER / "openapi-generator" / "src" / "apis").glob("*_api.rs")]
    found = [name for text in sources for name in re.findall(r"^pub async fn (\w+)\(", text, re.M)]
    operation_names.same("functions of openapi-generator's Rust", found, ids)
    models = (FOLDER / "openapi-generator" / "src" / "models").glob("*.rs")
    lines = {file.stem: file.read_text().splitlines() for file in models}
    # The claims of a client may have any value.
    untyped = {name for name in lines for line in lines[name] if "serde_json::Value" in line and "claims" not in line}
    if untyped:
        raise SystemExit(f"untyped in Rust: {sorted(untyped)}")
    build_and_run("openapi_generator", environment)


def with_progenitor(document, environment):
    prepare(document)
    build_and_run("progenitor", environment)


@functools.cache
def prepare(document):
    """Writes both SDKs, because cargo reads the whole workspace before it builds either."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "rust").iterdir():
        shutil.copy(file, FOLDER)
    (FOLDER / "openapi30.json").write_text(json.dumps(downgrade(json.loads(document.read_text())), indent=1))
    openapi_generator(
        "rust", document, FOLDER / "openapi-generator", "packageName=hallpass-sdk", "packageVersion=0.0.0",
        "reqwestDefaultFeatures=",
    )


def build_and_run(scenario, environment):
    said = run("cargo", "build", "--locked", "--bin", scenario, cwd=FOLDER, CARGO_TARGET_DIR=str(FOLDER / "target"))
    if "warning" in said:
        raise SystemExit(f"the compiler warns:\n{said}")
    run(FOLDER / "target" / "debug" / scenario, cwd=FOLDER, **environment)
