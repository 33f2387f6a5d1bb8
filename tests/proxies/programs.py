"""Starts hallpass and the real proxies. A proxy runs with its files of docs/forward-auth; only ports are replaced."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import ingress
from processes import HALLPASS, PATIENCE, REPOSITORY, Program, free_port, until
from wire import send

RECIPES = REPOSITORY / "docs" / "forward-auth"
EXAMPLE = pathlib.Path(__file__).with_name("openapi.yaml")
BIN = pathlib.Path(sys.executable).parent
# The ports of the recipes.
LISTENER, JUDGE, SERVICE = "8000", "8080", "3000"

NGINX = ["nginx", "-p", ".", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; pid nginx.pid;"]
PROXIES = {
    "nginx": (["nginx.conf"], NGINX),
    "ingress-nginx": (["ingress-nginx.yaml"], NGINX),
    "caddy": (["Caddyfile"], [BIN / "caddy", "run", "--config", "Caddyfile"]),
    "traefik": (["traefik.yaml", "traefik-dynamic.yaml"], [BIN / "traefik", "--configFile=traefik.yaml"]),
    "envoy": (["envoy.yaml"], [BIN / "envoy", "-c", "envoy.yaml", "--concurrency", "2", "--use-dynamic-base-id", "-l", "warning"]),
    "haproxy": (["haproxy.cfg", "haproxy.lua"], ["haproxy", "-db", "-f", "haproxy.cfg"]),
}


class Hallpass(Program):
    """hallpass with the example policy, and the clients of the tests."""

    CLIENTS = {
        "reader": ["--role", "reader"],
        "admin": ["--role", "admin", "--role", "writer"],
        "scoped": ["--scope", "reports:read"],
        "leaver": ["--role", "reader"],
    }

    def __init__(self, folder, **settings):
        self.folder = folder
        self.policy = folder / "openapi.yaml"
        shutil.copy(EXAMPLE, self.policy)
        self.environment = {
            "HALLPASS_SECRET_KEY": "a secret of these tests, of 32 bytes and more",
            "HALLPASS_STATE": "memory",
            "HALLPASS_RATE_LIMIT": "off",
            "HALLPASS_POLICY": "openapi.yaml",
            "HALLPASS_TRUSTED_PROXIES": "127.0.0.1",
            "HALLPASS_COOKIE_SECURE": "off",
        } | settings
        self.keys = {name: self.run("key", "add", name, "--cost", "4", *more) for name, more in self.CLIENTS.items()}
        self.port = 0
        self.launch()

    def launch(self):
        """Starts it, also again after `kill`, with the same port."""
        self.start([HALLPASS, "serve", "--bind", f"127.0.0.1:{self.port}"], self.folder, self.environment)
        listening = f"listening on http://127.0.0.1:{self.port or ''}"

        def address():
            self.assert_running()
            return re.search(listening + r"(\d*)\n", self.log.read_text())

        found = until("hallpass listens", address)
        self.port = self.port or int(found[1])

    def run(self, *arguments):
        done = subprocess.run([HALLPASS, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


class Proxy(Program):
    """A real proxy between the tests and a backend."""

    def __init__(self, name, folder, hallpass_port, backend_port, change=None):
        """`change` is a text of the recipe and what stands in its place; by default nothing is changed."""
        self.name = name
        for attempt in range(3):
            try:
                return self.launch(folder, hallpass_port, backend_port, change)
            except AssertionError as error:
                # Something else may have taken the port in between.
                self.stop()
                failure = f"{error}\n{self.log.read_text()[-3000:]}"
        raise AssertionError(failure)

    def launch(self, folder, hallpass_port, backend_port, change):
        self.port = free_port()
        files, command = PROXIES[self.name]
        ports = {LISTENER: self.port, JUDGE: hallpass_port, SERVICE: backend_port}
        for file in files:
            recipe = (RECIPES / file).read_text()
            if change and change[0] in recipe:
                recipe, change = recipe.replace(*change), None
            if self.name == "ingress-nginx":
                # There is no cluster here: nginx runs with what the controller makes of the manifest.
                file, recipe = "nginx.conf", ingress.nginx_conf(recipe, JUDGE)
            (folder / file).write_text(re.sub(r"\b(8000|8080|3000)\b", lambda port: str(ports[port[0]]), recipe))
        if change:
            raise ValueError(f"no recipe of {self.name} has {change}")
        self.start(command, folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})
        self.wait_for(self.port)

        def passes():
            self.assert_running()
            answer = send(self.port, "GET", "/public")
            return answer and answer.status == 200

        # Traefik listens before it knows its routes.
        until(f"{self.name} lets public requests pass", passes)
