"""Runs every command of the documents, in order, as a reader would: each document in a folder of its own.

- `sh` blocks share a shell's variables. A block that ends in `serve` or `serve --dev` runs until the next such block.
- `python` and `py` blocks are programs with the exported variables.
- A line that ends in `# 401` must print that as its last line.
- A block `text output` is what the block before it prints; `...` in it stands for anything.
- Links lead somewhere, and files that are named exist.
- A block `sh not run: REASON` is for readers alone, and the reason is printed.

Differences from the documents: the port is a free one, `hp_...` is the key that `serve --dev` printed, and the program
is that of `target/release` where no document has installed it.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "README.ko.md", *sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("docs/*.md"))]
DOCUMENTS += ["CHANGELOG.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md"]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"^(?:export )?([A-Z_]+)=", re.MULTILINE)
# Nothing to run: data, and Rust, which doctests compile.
DATA = {"toml", "yaml", "text", "promql", "rust", "diff", "json", "dockerfile", "ini", "nginx"}
IN_CLONE = ("cargo ", "./")
PATIENCE = 900


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader:
    """Somebody who follows one document."""

    def __init__(self, folder, installed, document):
        self.folder = folder
        self.names = "|".join(set(ASSIGNMENT.findall(document)) | {"NOTHING"})
        self.address = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.server = None
        self.key = None
        self.printed = ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HALLPASS_")}
        environment |= {
            "HALLPASS_BIND": self.address,
            "CARGO_INSTALL_ROOT": str(installed),
            "PATH": f"{pathlib.Path(sys.executable).parent}:{installed / 'bin'}:{environment['PATH']}",
        }
        self.environment = environment
        (folder / "work").mkdir(parents=True)
        self.variables = folder / "variables.sh"
        self.variables.write_text("")

    def place(self, text):
        return REPOSITORY if text.startswith(IN_CLONE) else self.folder / "work"

    def follow(self, language, text):
        text = text.replace("127.0.0.1:8080", self.address).replace("127.0.0.1:8081", self.metrics)
        if language == "sh" and re.search(r"\bserve( --dev)?\n\Z", text):
            self.serve(text)
        elif language == "sh":
            self.shell(text.replace("hp_...", self.key or "hp_..."))
        else:
            self.python(text)

    def shell(self, text):
        """Variables live on from block to block, through a file of `declare` lines."""
        self.printed = ""
        for command in re.split(r"(?m)^(?=curl -s -o)", text):
            script = (
                f'set -euo pipefail\n. "{self.variables}"\n{command}\n'
                f'declare -p | grep -E "^declare -(-|x) ({self.names})=" > "{self.variables}" || true\n'
            )
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.place(text), env=self.environment, text=True,
                capture_output=True, timeout=PATIENCE,
            )
            self.printed += done.stdout
            print(f"$ {command.strip()}\n{done.stdout}", flush=True)
            if done.returncode != 0:
                sys.exit(f"exit code {done.returncode}\n{done.stderr}")
            expected = re.search(r"# (\d{3})$", command.strip())
            if expected and done.stdout.strip().splitlines()[-1] != expected[1]:
                sys.exit(f"expected {expected[1]}")
            if not expected and ('"code":"' in done.stdout or '"error":"' in done.stdout):
                sys.exit("a command of the document was refused")

    def python(self, text):
        script = f'. "{self.variables}"\nexec "{sys.executable}" -'
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder / "work", input=text, text=True, env=self.environment,
            stdout=subprocess.PIPE, timeout=60,
        )
        self.printed = done.stdout
        print(f"$ python\n{done.stdout}", flush=True)
        if done.returncode != 0:
            sys.exit("the Python of the document failed")

    def compare(self, expected):
        """What was printed, with `...` of the document for anything."""
        expected = expected.replace("127.0.0.1:8080", self.address)
        pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
        if not re.fullmatch(pattern, self.printed.strip(), re.DOTALL):
            sys.exit(f"the document says\n{expected}\nbut printed was\n{self.printed}")

    def serve(self, text):
        self.stop()
        log = open(self.folder / "log", "a")
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {text}"], cwd=self.place(text), env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=log,
        )
        print(f"$ {text.strip()}", flush=True)
        first = self.server.stdout.readline()
        scheme = "https" if "HALLPASS_TLS_CERT" in text else "http"
        if first != f"listening on {scheme}://{self.address}\n":
            sys.exit(f"serve said {first!r}\n{(self.folder / 'log').read_text()[-2000:]}")
        if "--dev" in text:
            self.key = self.server.stdout.readline().removeprefix("api key: ").strip()

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            if self.server.wait(timeout=30) != 0:
                sys.exit("serve did not end well")
            self.server.stdout.close()
            self.server = None


def run(document, folder, installed):
    """Follows a document, and returns how many of its blocks were run."""
    content = (REPOSITORY / document).read_text()
    reader, count = Reader(folder, installed, content), 0
    if not re.search("^cargo install", content, re.MULTILINE) and not (installed / "bin").exists():
        (installed / "bin").mkdir(parents=True)
        (installed / "bin" / "hallpass").symlink_to(REPOSITORY / "target" / "release" / "hallpass")
    try:
        for language, rest, text in BLOCK.findall(content):
            not_run = rest.partition("not run: ")[2].strip()
            if language == "text" and rest.strip() == "output":
                reader.compare(text)
            elif language in DATA:
                continue
            elif not_run:
                print(f"not run: {not_run}\n| " + text.strip().replace("\n", "\n| "), flush=True)
            elif language in ("sh", "python", "py") and not rest:
                reader.follow(language, text)
                count += 1
            else:
                sys.exit(f"{document}: a block of `{language}{rest}` is neither run nor says `not run: REASON`")
        reader.stop()
    finally:
        if reader.server:
            reader.server.kill()
    return count


def check_names(document):
    """Links and files of the repository that a document names exist."""
    path = REPOSITORY / document
    text = path.read_text()
    missing = [name for name in re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", text) if not (REPOSITORY / name).exists()]
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", BLOCK.sub("", text)):
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        if not linked.exists():
            missing.append(target)
        elif anchor and anchor not in anchors(linked.read_text()):
            missing.append(target)
    if missing:
        sys.exit(f"{document} names what does not exist: {', '.join(missing)}")


def anchors(text):
    headings = re.findall(r"(?m)^#+ (.*)$", BLOCK.sub("", text))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main():
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder, count = pathlib.Path(folder), 0
        for number, document in enumerate(sys.argv[1:] or DOCUMENTS):
            print(f"== {document}", flush=True)
            check_names(document)
            count += run(document, folder / str(number), folder / "installed")
    print(f"documents: {count} blocks followed in {time.monotonic() - started:.0f} s")


main()
