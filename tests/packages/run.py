"""Tries the static program where there is nothing else, as an image runs it, and reads the files for containers.

Argument: the program. Only root may change the root directory.
"""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
ACCOUNT = 10001
FOLDER = "/etc/hallpass"
# In a root directory of its own, as the account, which has no name there.
ENTER = ["unshare", f"--setgid={ACCOUNT}", f"--setuid={ACCOUNT}", f"--wd={FOLDER}"]
# The root directory is read-only but for the state.
READ_ONLY = f"""
mount --bind "$1" "$1"
mount -t tmpfs -o uid={ACCOUNT},mode=700 tmpfs "$1/var/lib/hallpass"
mount -o remount,bind,ro "$1"
shift
exec "$@"
"""


def read_only(root):
    """What makes a root directory read-only before the command that follows, where this machine lets us mount."""
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("not tried: a read-only root directory, since nothing can be mounted here")
        return []
    return ["unshare", "--mount", "sh", "-ec", READ_ONLY, "sh", root]


def instructions():
    """The instructions of the Containerfile, as pairs of name and arguments."""
    text = re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Containerfile").read_text()).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def only(name):
    (value,) = [value for found, value in instructions() if found == name]
    return value


def image_settings():
    return dict(pair.split("=", 1) for pair in only("ENV").split())


def port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Container:
    """A root directory with nothing but the program and what a test puts into it."""

    def __init__(self, root, program, settings):
        self.root = root
        self.folder = root / FOLDER[1:]
        self.folder.mkdir(parents=True)
        state = root / "var/lib/hallpass"
        state.mkdir(parents=True)
        os.chown(state, ACCOUNT, ACCOUNT)
        shutil.copy(program, root / "hallpass")
        self.bind = f"127.0.0.1:{port()}"
        self.settings = {**settings, "HALLPASS_BIND": self.bind}

    def arguments(self, *arguments):
        return [*ENTER, f"--root={self.root}", "/hallpass", *arguments]

    def command(self, *arguments):
        """Runs in the folder of the settings, as the account. Nothing of this machine's environment is passed on."""
        return subprocess.run(
            self.arguments(*arguments), env=self.environment(), capture_output=True, text=True, timeout=60
        )

    def environment(self):
        return {"PATH": os.environ["PATH"], **self.settings}

    @contextlib.contextmanager
    def serve(self):
        log = self.root.parent / f"{self.root.name}.log"
        with log.open("w") as stderr:
            service = subprocess.Popen(
                [*read_only(self.root), *self.arguments("serve")],
                env=self.environment(),
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            yield log, service.pid
        finally:
            service.terminate()
            service.wait(30)
        assert service.returncode == 0, log.read_text()

    def wait_for(self, health, log):
        """The health check of the image, until it says so."""
        end = time.monotonic() + 30
        while True:
            answer = self.command("health")
            if answer.returncode == 0 and answer.stdout.strip().endswith(f": {health}"):
                return
            assert time.monotonic() < end, f"{answer}\n{log.read_text()}"
            time.sleep(0.1)

    def refused(self, token):
        request = urllib.request.Request(f"http://{self.bind}/request", headers={"Authorization": f"Bearer {token}"})
        try:
            urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def login(self, key):
        request = urllib.request.Request(f"http://{self.bind}/login", method="POST", headers={"X-API-Key": key})
        return json.load(urllib.request.urlopen(request, timeout=10))["access_token"]


def read_only_image(program, folder):
    """The layout of the Containerfile: commands, the health check, a login, and the state beside a read-only root."""
    container = Container(folder / "image", program, image_settings())
    os.chown(container.folder, ACCOUNT, ACCOUNT)
    for arguments in (["init"], ["key", "add", "billing", "--role", "reader"], ["check"]):
        answer = container.command(*arguments)
        assert answer.returncode == 0, answer
        if arguments[0] == "key":
            key = answer.stdout.strip()
    assert container.command("health").returncode == 1
    with container.serve() as (log, process):
        container.wait_for("ok", log)
        assert container.login(key).count(".") == 2
        if read_only(container.root):
            mounts = pathlib.Path(f"/proc/{process}/mountinfo").read_text()
            assert re.search(r"(?m)^(\S+ ){4}/ ro\b", mounts), mounts


def projected_volume(program, folder):
    """The settings and the volume of the manifest, with Kubernetes' links and modes. Redis is tested elsewhere."""
    pod = resources()["Deployment", "hallpass"]["spec"]["template"]["spec"]
    (service,) = pod["containers"]
    settings = {entry["name"]: entry["value"] for entry in service["env"] if "value" in entry}
    settings |= {"HALLPASS_STATE": "memory", "HALLPASS_METRICS_BIND": f"127.0.0.1:{port()}"}
    container = Container(folder / "pod", program, settings)
    assert service["workingDir"] == FOLDER

    # The commands of containers.md.
    made = {"hallpass-roster": folder / "roster", "hallpass-keys": folder / "keys"}
    for secret in made.values():
        secret.mkdir(mode=0o700)
    subprocess.run([program, "signing-key", "rotate", made["hallpass-keys"]], check=True, stdout=subprocess.DEVNULL)
    (made["hallpass-roster"] / "roster.toml").touch(0o600)
    key_add = [program, "key", "add", "billing"]
    key = subprocess.run(key_add, cwd=made["hallpass-roster"], check=True, capture_output=True, text=True).stdout.strip()

    group = pod["securityContext"]["fsGroup"]
    mounts = {mount["name"]: mount["mountPath"] for mount in service["volumeMounts"] if mount["readOnly"]}
    for volume in pod["volumes"]:
        mount = container.root / mounts.pop(volume["name"])[1:]
        (source,) = volume["projected"]["sources"]
        data = mount / "..2026_01_01"
        shutil.copytree(made[source["secret"]["name"]], data)
        for file in data.iterdir():
            os.chmod(file, volume["projected"]["defaultMode"])
            os.chown(file, 0, group)
            (mount / file.name).symlink_to(f"..data/{file.name}")
        data.chmod(0o755)
        (mount / "..data").symlink_to(data.name)
        os.chown(mount, 0, group)
        mount.chmod(0o3777)
    assert not mounts
    with container.serve() as (log, _):
        container.wait_for("ok", log)
        assert container.login(key).count(".") == 2
        assert "WARN" not in log.read_text(), log.read_text()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stderr=subprocess.DEVNULL)


class Provider(http.server.BaseHTTPRequestHandler):
    """An OpenID provider without keys."""

    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        url = f"https://{self.headers['Host']}"
        answers = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": []},
        }
        body = json.dumps(answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def chosen_roots(program, folder):
    """A provider's name is found in /etc/hosts, and its certificate is trusted where SSL_CERT_FILE says so."""
    certificate, private_key = folder / "provider.pem", folder / "provider.key"
    subject = ["-subj", "/CN=provider.test", "-addext", "subjectAltName=DNS:provider.test"]
    subject += ["-addext", "basicConstraints=critical,CA:FALSE"]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", private_key, "-out", certificate, *subject)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, private_key)
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    provider.socket = tls.wrap_socket(provider.socket, server_side=True)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    url = f"https://provider.test:{provider.server_port}"
    # No key has signed it, but the keys of its issuer are fetched to find that out.
    parts = {"alg": "RS256", "kid": "1"}, {"iss": url, "aud": "hallpass", "sub": "a", "exp": int(time.time()) + 600}
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".AAAA"
    chosen = {"SSL_CERT_FILE": f"{FOLDER}/roots.pem"}
    for name, roots, health, asked in [("bare", {}, "degraded", 0), ("trusting", chosen, "ok", 2)]:
        container = Container(folder / name, program, image_settings() | roots)
        (container.root / "etc/hosts").write_text("127.0.0.1 provider.test\n")
        shutil.copy(certificate, container.folder / "roots.pem")
        (container.folder / ".env").write_text(f"HALLPASS_SECRET_KEY={'0123456789abcdef' * 3}\n")
        (container.folder / "roster.toml").write_text(f'[issuers.corp]\nurl = "{url}"\naudience = "hallpass"\n')
        for file in container.folder.iterdir():
            os.chown(file, ACCOUNT, ACCOUNT)
            os.chmod(file, 0o600)
        with container.serve() as (log, _):
            container.wait_for("ok", log)
            assert container.refused(token) == 401
            container.wait_for(health, log)
        assert len(Provider.asked) == asked, log.read_text()
    provider.shutdown()


class Names(socketserver.BaseRequestHandler):
    """A DNS server to which every name is 127.0.0.1 (RFC 1035 §4.1)."""

    address = "127.53.53.53"

    def handle(self):
        query, listener = self.request
        end = query.index(b"\0", 12) + 5
        question, kind = query[12:end], query[end - 4 : end - 2]
        answers = 1 if kind == b"\0\1" else 0
        head = query[:2] + struct.pack("!5H", 0x8580, 1, answers, 0, 0)
        answer = struct.pack("!3HIH4B", 0xC00C, 1, 1, 60, 4, 127, 0, 0, 1) if answers else b""
        listener.sendto(head + question + answer, self.client_address)


def looked_up_names(program, folder):
    """Names are looked up at the server of /etc/resolv.conf; there is no nsswitch.conf."""
    container = Container(folder / "names", program, image_settings())
    os.chown(container.folder, ACCOUNT, ACCOUNT)
    container.command("init")
    asked = ["health", "--url", f"http://hallpass.test:{container.bind.split(':')[1]}"]
    with socketserver.UDPServer((Names.address, 53), Names) as names, container.serve() as (log, _):
        threading.Thread(target=names.serve_forever, daemon=True).start()
        container.wait_for("ok", log)
        answer = container.command(*asked)
        assert answer.returncode == 1 and "cannot be reached" in answer.stderr, answer
        (container.root / "etc/resolv.conf").write_text(f"nameserver {Names.address}\n")
        answer = container.command(*asked)
        assert answer.returncode == 0, answer
        names.shutdown()


def containerfile(context):
    """No image can be built without a daemon: what the text says is compared with what has been tried."""
    assert only("FROM") == "scratch"
    for name, value in instructions():
        if name == "COPY":
            *_, source, _ = value.split()
            assert (context / source).exists(), f"{source} is copied, and missing"
    assert only("USER") == f"{ACCOUNT}:{ACCOUNT}"
    assert only("WORKDIR") == FOLDER
    assert json.loads(only("ENTRYPOINT")) + json.loads(only("CMD")) == ["/hallpass", "serve"]
    assert json.loads(only("HEALTHCHECK").split("CMD")[1]) == ["/hallpass", "health"]
    known = (ROOT / ".env.example").read_text()
    for setting in image_settings():
        assert f"\n#{setting}=" in known, setting


def resources():
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {(resource["kind"], resource["metadata"]["name"]): resource for resource in documents}


def manifests():
    """Kubernetes' schemas, that names fit each other, and that no container may do more than it must."""
    found = resources()
    for resource in found.values():
        kubernetes_validate.validate(resource, "1.37", strict=True)
    assert found["Deployment", "hallpass"]["spec"]["replicas"] == 2
    labels = []
    for kind in ("Deployment", "StatefulSet"):
        (resource,) = [resource for (found_kind, _), resource in found.items() if found_kind == kind]
        template = resource["spec"]["template"]
        labels.append(template["metadata"]["labels"])
        assert resource["spec"]["selector"]["matchLabels"] == labels[-1]
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        assert template["spec"]["automountServiceAccountToken"] is False
        for container in template["spec"]["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {"livenessProbe", "readinessProbe", "resources"} <= container.keys()
    for (kind, name), resource in found.items():
        if kind in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
            selector = resource["spec"].get("selector") or resource["spec"]["podSelector"]
            assert selector.get("matchLabels", selector) in labels, (kind, name)
    (service,) = found["Deployment", "hallpass"]["spec"]["template"]["spec"]["containers"]
    known = (ROOT / ".env.example").read_text()
    for entry in service["env"]:
        assert not entry["name"].startswith("HALLPASS_") or f"\n#{entry['name']}=" in known, entry


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    manifests()
    containerfile(program.parent)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        read_only_image(program, folder)
        projected_volume(program, folder)
        chosen_roots(program, folder)
        looked_up_names(program, folder)
    print(f"ok: {program.stat().st_size / 1_000_000:.1f} MB")


main()
