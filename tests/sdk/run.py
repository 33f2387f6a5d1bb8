"""Generates SDKs from the document with six generators, builds each, and uses each against the live server.

The story is the same everywhere: log in, see who you are, be refused, be let in, log out, be refused. Takes
names of SDKs to try only those, and `--document FILE` to try another document than the committed one.
"""

import argparse
import pathlib
import time

import in_python
import in_rust
import in_typescript
from server import server
from tools import REPOSITORY, WORK

SDKS = {
    "python": in_python.with_openapi_generator,
    "openapi-python-client": in_python.with_openapi_python_client,
    "typescript-fetch": in_typescript.with_typescript_fetch,
    "openapi-fetch": in_typescript.with_openapi_fetch,
    "rust": in_rust.with_openapi_generator,
    "progenitor": in_rust.with_progenitor,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sdk", nargs="*", choices=[[], *SDKS])
    arguments.add_argument("--document", type=pathlib.Path, default=REPOSITORY / "openapi" / "openapi.json")
    asked = arguments.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    with server() as environment:
        for name in asked.sdk or SDKS:
            started = time.monotonic()
            SDKS[name](asked.document.resolve(), environment)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


main()
