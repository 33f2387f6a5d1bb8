"""Generates six SDKs from the document, builds them, and runs a scenario with each against the live server.

All scenarios do the same: log in, read the principal, be refused, list the clients as administrator, log out, be
refused. The first SDK is also generated for a server that takes API keys under another name. Arguments: the SDKs to test;
`--document FILE` to use another document than the committed one.
"""

import argparse
import pathlib
import time
import urllib.request

import python_sdks
import rust_sdks
import typescript_sdks
from server import server
from tools import REPOSITORY, WORK

SDKS = {
    "python": python_sdks.with_openapi_generator,
    "openapi-python-client": python_sdks.with_openapi_python_client,
    "typescript-fetch": typescript_sdks.with_typescript_fetch,
    "openapi-fetch": typescript_sdks.with_openapi_fetch,
    "rust": rust_sdks.with_openapi_generator,
    "progenitor": rust_sdks.with_progenitor,
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
    if "python" in (asked.sdk or SDKS):
        with_other_names()


def with_other_names():
    document = WORK / "other-names.json"
    with server(HALLPASS_API_KEY_HEADER="access_token", HALLPASS_API_KEY_QUERY="off") as environment:
        with urllib.request.urlopen(f"{environment['HALLPASS']}/openapi.json") as answer:
            document.write_bytes(answer.read())
        SDKS["python"](document, environment)
    print("python, API keys under another name", flush=True)


main()
