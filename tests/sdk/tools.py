"""Runs generators and compilers, and fails on warnings about the document."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
WORK = REPOSITORY / "target" / "test-tools" / "sdk"
# The commands of Python packages.
COMMANDS = pathlib.Path(sys.prefix) / "bin"

# Warnings of openapi-generator about every document, about reserved words of a language, and about `allOf` in Rust.
NOISE = re.compile(
    r"OpenAPI 3\.1 support is still in beta"
    r"|Failed to get the schema name: null"
    r"|(use|type) cannot be used as a field/variable name\. Renamed to r#"
    r"|serde_json::value cannot be used as a field/variable name\."
    r"|\S+ cannot be used as a model name\. Renamed to ApplicationSlash\w+$"
)


def run(*command, cwd=WORK, quiet=True, **environment):
    """Runs a command and returns its output. Fails the test if the command fails."""
    path = f"{COMMANDS}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": path, **environment},
    )
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(str(part) for part in command)}\n{done.stdout[-6000:]}\nexit code {done.returncode}")
    return done.stdout


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def openapi_generator(language, document, output, *options):
    """Writes an SDK. Fails the test on any warning except for noise."""
    fresh(output)
    output = run(
        "openapi-generator-cli", "generate", "-g", language, "-i", document, "-o", output,
        "--additional-properties", ",".join(options),
    )
    warnings = [line for line in output.splitlines() if re.search(r"WARN|ERROR", line) and not NOISE.search(line)]
    if warnings:
        sys.exit("openapi-generator warns:\n" + "\n".join(warnings))


def node_packages():
    """Installs the npm packages unless they are there, and returns the folder in which TypeScript is compiled."""
    folder = WORK / "typescript"
    folder.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "typescript" / "package-lock.json").read_text()
    installed = folder / "node_modules" / ".installed"
    for file in (HERE / "typescript").iterdir():
        shutil.copy(file, folder)
    if not installed.exists() or installed.read_text() != lock:
        run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
        installed.write_text(lock)
    return folder
