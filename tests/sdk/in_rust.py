"""The two Rust SDKs, in one workspace: openapi-generator's and progenitor's."""

import functools
import json
import re
import shutil

import names
from plain import plain
from tools import HERE, WORK, openapi_generator, run

FOLDER = WORK / "rust"
# An OpenAPI document may hold more than its version.
OPEN = {"open_api_document"}


def with_openapi_generator(document, environment):
    prepare(document)
    ids = names.operation_ids(json.loads(document.read_text()))
    sources = [file.read_text() for file in (FOLDER / "openapi-generator" / "src" / "apis").glob("*_api.rs")]
    found = [name for text in sources for name in re.findall(r"^pub async fn (\w+)\(", text, re.M)]
    names.same("functions of openapi-generator's Rust", found, ids)
    models = (FOLDER / "openapi-generator" / "src" / "models").glob("*.rs")
    untyped = {file.stem for file in models if "serde_json::Value" in file.read_text()}
    if untyped - OPEN:
        raise SystemExit(f"untyped in Rust: {sorted(untyped - OPEN)}")
    build_and_run("openapi_generator", environment)


def with_progenitor(document, environment):
    prepare(document)
    build_and_run("progenitor", environment)


@functools.cache
def prepare(document):
    """cargo reads the whole workspace, so both SDKs must be there before either is built."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "rust").iterdir():
        shutil.copy(file, FOLDER)
    (FOLDER / "plain.json").write_text(json.dumps(plain(json.loads(document.read_text())), indent=1))
    openapi_generator(
        "rust", document, FOLDER / "openapi-generator", "packageName=hallpass-sdk", "packageVersion=0.0.0",
        "reqwestDefaultFeatures=",
    )


def build_and_run(story, environment):
    said = run("cargo", "build", "--locked", "--bin", story, cwd=FOLDER, CARGO_TARGET_DIR=str(FOLDER / "target"))
    if "warning" in said:
        raise SystemExit(f"the compiler warns:\n{said}")
    run(FOLDER / "target" / "debug" / story, cwd=FOLDER, **environment)
