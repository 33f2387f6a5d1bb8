"""A Redis, a roster and replicas for each test; everything ends with it."""

import types

import pytest
from obstacle import Obstacle
from processes import REPOSITORY
from programs import HAProxy, Redis, Replica, environment, run


@pytest.fixture
def stage(tmp_path):
    """Where programs are started that end with the test, in the reverse order."""
    started = []

    def keep(program):
        started.append(program)
        return program

    roster = tmp_path / "roster.toml"
    made = run(tmp_path, roster, "memory", "key", "add", "billing", "--role", "reader", "--cost", "4")
    assert made.returncode == 0, made.stderr
    stage = types.SimpleNamespace(folder=tmp_path, roster=roster, key=made.stdout.strip(), keep=keep)
    stage.redis = lambda *options, name="redis", **more: keep(Redis(tmp_path / name, *options, **more))
    stage.obstacle = lambda target: keep(Obstacle(target))
    stage.replica = lambda name, state, **settings: keep(Replica(name, tmp_path, environment(roster, state) | settings))
    stage.haproxy = lambda *replicas: keep(HAProxy(tmp_path / "haproxy", replicas))
    stage.run = lambda state, *arguments, **more: run(tmp_path, roster, state, *arguments, **more)
    stage.manual = REPOSITORY / "docs"
    stage.redis_denials = lambda redis: [entry for entry in redis.command("ACL", "LOG") if "auth" not in entry]
    yield stage
    for program in reversed(started):
        program.stop() if hasattr(program, "stop") else program.close()


FIGURES = pytest.StashKey()


@pytest.fixture
def figure(request):
    """Prints a line at the end of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)
