"""Runs generators and compilers, and looks for warnings that the document caused."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
WORK = REPOSITORY / "target" / "test-tools" / "sdk"
# Where this Python and the commands of its packages are.
COMMANDS = pathlib.Path(sys.prefix) / "bin"

# What openapi-generator says of every document, and of words that a language keeps for itself.
NOISE = re.compile(
    r"OpenAPI 3\.1 support is still in beta"
    r"|Failed to get the schema name: null"
    r"|(use|type) cannot be used as a field/variable name\. Renamed to r#"
    r"|\S+ cannot be used as a model name\. Renamed to (Application|Star|Text)Slash\w+$"
)


def run(*command, cwd=WORK, quiet=True, **environment):
    """Runs a command to its end; what it said, or the end of the test where it failed."""
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
    """Writes an SDK; any warning that is not noise ends the test."""
    fresh(output)
    said = run(
        "openapi-generator-cli", "generate", "-g", language, "-i", document, "-o", output,
        "--additional-properties", ",".join(options),
    )
    warnings = [line for line in said.splitlines() if re.search(r"WARN|ERROR", line) and not NOISE.search(line)]
    if warnings:
        sys.exit("openapi-generator warns:\n" + "\n".join(warnings))


def node_packages():
    """Into the folder where TypeScript is compiled, unless these very packages are there already."""
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
