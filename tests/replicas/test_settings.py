"""What is wrong with the settings is told before anything listens, without the password."""

import re
import socket
import subprocess
import time

import pytest
from processes import PATIENCE, free_port, is_listening, until

SECRET = "hunter2"


def serve(stage, state, **settings):
    """Runs `serve` that is expected to end by itself."""
    return stage.run(state, "serve", "--bind", "127.0.0.1:0", **settings)


def refused(done):
    assert done.returncode == 1, done
    assert "HALLPASS_STATE" in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert "listening" not in done.stdout


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@127.0.0.1:port",
        f"redis://:{SECRET}@127.0.0.1/one",
        f"redis://:{SECRET}@127.0.0.1/0?x=1",
        f"redis://:{SECRET}@127.0.0.1/0#x",
        f"redis://:{SECRET}%zz@127.0.0.1",
        f"redis+unix://:{SECRET}@/tmp/socket",
        f"valkey://:{SECRET}@127.0.0.1",
        f"http://user:{SECRET}@127.0.0.1",
    ],
)
def test_a_malformed_url_is_an_error(stage, url):
    for done in (serve(stage, url), stage.run(url, "check")):
        refused(done)


def test_a_wrong_password_is_an_error_and_the_right_one_works_percent_encoded(stage):
    redis = stage.redis()
    password = "p@ss:w/rd#%? ä"
    redis.command("ACL", "SETUSER", "default", "resetpass", f">{password}")
    encoded = "p%40ss%3Aw%2Frd%23%25%3F%20%C3%A4"
    at = f"127.0.0.1:{redis.port}"
    for wrong in (f"redis://:{SECRET}@{at}", f"redis://nobody:{SECRET}@{at}", f"redis://{at}"):
        for done in (serve(stage, wrong), stage.run(wrong, "check")):
            refused(done)
            assert at in done.stdout + done.stderr
    right = f"redis://:{encoded}@{at}/%33"
    assert stage.run(right, "check").returncode == 0
    replica = stage.replica("one", right)
    assert replica.logout(replica.login(stage.key)).status_code == 200
    assert password not in replica.log.read_text() and encoded not in replica.log.read_text()


def test_a_database_that_redis_does_not_have_is_an_error(stage):
    redis = stage.redis()
    refused(serve(stage, f"{redis.url}/99"))


def test_the_rights_that_the_manual_names_are_enough(stage):
    redis = stage.redis()
    manual = (stage.manual / "operations.md").read_text()
    [rule] = re.findall(r"^ACL SETUSER (.+)$", manual, re.M)
    redis.command("ACL", "SETUSER", *rule.replace(">PASSWORD", ">secret").split())
    user = rule.split()[0]
    url = redis.url.replace("://", f"://{user}:secret@")
    assert stage.run(url, "check").returncode == 0
    one, other = (stage.replica(name, url, HALLPASS_RATE_LIMIT="60/m") for name in ("one", "other"))
    token = one.login(stage.key)
    assert one.logout(token).status_code == 200
    until("the other replica refuses it", lambda: other.judge(token) == 401, 1)
    redis.command("FLUSHALL")
    until("it is put back", lambda: len(redis.revoked()) == 1, 5)
    assert stage.redis_denials(redis) == [], "no command was denied"


def test_without_rights_serve_does_not_start(stage):
    redis = stage.redis()
    redis.command("ACL", "SETUSER", "hp", "on", f">{SECRET}", "~other:*", "+@all")
    refused(serve(stage, redis.url.replace("://", f"://hp:{SECRET}@")))


@pytest.fixture
def certificates(tmp_path):
    """A certificate authority, and a certificate of it for 127.0.0.1."""
    run = lambda command: subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tests")
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout redis.key -out redis.csr -subj /CN=redis")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    run("openssl x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out redis.pem")
    return tmp_path


def test_tls_is_used_with_the_roots_of_ssl_cert_file_only(stage, certificates):
    files = {"cert": "redis.pem", "key": "redis.key", "ca-cert": "ca.pem"}
    options = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(certificates / file))]
    redis = stage.redis(*options, "--tls-auth-clients", "no", tls=True)
    url = redis.url.replace("redis://", f"rediss://:{SECRET}@")
    done = serve(stage, url.replace(f":{SECRET}@", ""))
    refused(done)
    assert "certificate" in done.stderr
    trusted = {"SSL_CERT_FILE": str(certificates / "ca.pem")}
    assert stage.run(url.replace(f":{SECRET}@", ""), "check", **trusted).returncode == 0
    refused(serve(stage, url, **trusted))
    one, other = (stage.replica(name, url.replace(f":{SECRET}@", ""), **trusted) for name in ("one", "other"))
    token = one.login(stage.key)
    assert one.logout(token).status_code == 200
    until("the other replica refuses it", lambda: other.judge(token) == 401, 1)
    # A name that the certificate does not have.
    refused(serve(stage, f"rediss://localhost:{redis.port}", **trusted))


@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_check_answers_in_five_seconds_and_names_redis(stage, kind):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1] if kind == "silent" else free_port()
    began = time.monotonic()
    done = stage.run(f"redis://:{SECRET}@127.0.0.1:{port}", "check")
    assert time.monotonic() - began < 5
    refused(done)
    assert f"127.0.0.1:{port}" in done.stdout
    listener.close()


def test_a_policy_that_throws_away_keys_is_warned_about(stage):
    redis = stage.redis("--maxmemory-policy", "allkeys-lru")
    done = stage.run(redis.url, "check")
    assert done.returncode == 0 and "maxmemory-policy" in done.stdout, done
    replica = stage.replica("one", redis.url)
    assert "maxmemory-policy" in replica.log.read_text()
    redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "maxmemory" not in stage.run(redis.url, "check").stdout


def test_a_port_that_speaks_something_else_is_waited_for(stage):
    redis = stage.redis()
    replica = stage.replica("one", redis.url.replace("redis://", "rediss://"))
    assert is_listening(replica.port)
    until("it is degraded", lambda: replica.health() == "degraded", PATIENCE)
