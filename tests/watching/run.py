"""Has promtool read the alerts, their tests, the queries of the dashboard, and the metrics of a running service.

Argument: the program."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"


def promtool(*arguments, **options):
    subprocess.run(["promtool", *arguments], check=True, **options)


def dashboard_queries():
    """The queries of all panels, with Grafana's variables replaced."""
    dashboard = json.loads((DEPLOY / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
            assert "$" not in query, query
            yield query


def metrics(program, folder):
    """The metrics of a service that has issued a token and refused a request."""
    settings = {"HALLPASS_METRICS_BIND": "127.0.0.1:0", "HALLPASS_LOG": "info"}
    command = [program, "serve", "--dev", "--bind", "127.0.0.1:0"]
    log = folder / "log"
    with log.open("w") as stderr:
        service = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    try:
        address = service.stdout.readline().removeprefix("listening on ").strip()
        key = service.stdout.readline().removeprefix("api key: ").strip()
        login = urllib.request.Request(f"{address}/login", method="POST", headers={"X-API-Key": key})
        urllib.request.urlopen(login, timeout=10)
        try:
            urllib.request.urlopen(f"{address}/request", timeout=10)
        except urllib.error.HTTPError as refusal:
            assert refusal.code == 401
        end = time.monotonic() + 20
        while "metrics on " not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        url = log.read_text().split("metrics on ")[1].split()[0]
        return urllib.request.urlopen(url, timeout=10).read()
    finally:
        service.terminate()
        service.wait(30)


def main():
    program = sys.argv[1]
    promtool("check", "rules", DEPLOY / "alerts.yaml")
    promtool("test", "rules", ROOT / "tests/watching/alerts.test.yaml")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # Each query as a recording rule, which is the way to have its syntax checked. JSON is YAML.
        rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(dashboard_queries())]
        assert len(rules) > 10, rules
        queries = folder / "queries.yaml"
        queries.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        promtool("check", "rules", queries)
        promtool("check", "metrics", input=metrics(program, folder))


main()
