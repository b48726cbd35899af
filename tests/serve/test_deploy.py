"""What the service is put into the world with: right by each tool's own checker, and true of the service."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient
from running import ROOT, served

import serve
from serve.settings import PREFIX, Settings, variable
from serve.workers import GRACE_S

SERVE = Path(serve.__file__).parent
HERE = SERVE / "deploy"
DOCKERFILE = (HERE / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((HERE / "compose.yaml").read_text())
UNIT = (HERE / "scam-recruitment-detector.service").read_text()
KUBERNETES = {each["kind"]: each for each in yaml.safe_load_all((HERE / "kubernetes.yaml").read_text())}
POD = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def checked(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def installed(program: str) -> str:
    """Return a program of the test extra, or of the system."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} here")
    return found


def test_the_dockerfile_is_linted() -> None:
    checked(installed("hadolint"), HERE / "Dockerfile")


def test_the_compose_file_is_linted() -> None:
    checked(installed("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", HERE / "compose.yaml")


def test_the_kubernetes_manifest_is_linted() -> None:
    checked(installed("kubernetes-validate"), "--strict", HERE / "kubernetes.yaml")


def test_the_systemd_unit_is_linted(tmp_path: Path) -> None:
    analyze = installed("systemd-analyze")
    unit = tmp_path / "scam-recruitment-detector.service"
    # It looks for the program as well.
    unit.write_text(re.sub(r"/opt/\S+/bin/python", sys.executable, UNIT))
    done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True)
    assert [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line] == []
    assert done.returncode == 0
    # Its own measure of what the service could do to the machine: below 2 of 10 it is well shut in.
    checked(analyze, "security", "--offline=yes", "--threshold=20", unit)


def test_the_prometheus_files_are_linted(tmp_path: Path) -> None:
    promtool = installed("promtool")
    for file in (HERE / "prometheus.yml", SERVE / "alerts.yml"):
        shutil.copy(file, tmp_path)
    checked(promtool, "check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    checked(promtool, "check", "rules", tmp_path / "alerts.yml")


def test_every_variable_is_a_setting() -> None:
    files = [file.read_text() for file in HERE.iterdir()]
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", "\n".join(files)))
    assert named >= {variable("host"), variable("data"), variable("anonymous"), variable("threads")}
    assert named <= {variable(name) for name in Settings.__slots__}


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_probes_are_answered_without_a_key(probe: str, client: TestClient) -> None:
    asked = CONTAINER[probe]["httpGet"]
    assert client.get(asked["path"]).status_code == 200
    assert [port["containerPort"] for port in CONTAINER["ports"] if port["name"] == asked["port"]] == [8000]


def stop_seconds_of_the_unit() -> int:
    found = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    "granted_s",
    [
        pytest.param(POD["terminationGracePeriodSeconds"], id="kubernetes"),
        pytest.param(int(COMPOSE["services"]["detector"]["stop_grace_period"].removesuffix("s")), id="compose"),
        pytest.param(stop_seconds_of_the_unit(), id="systemd"),
    ],
)
def test_there_is_time_to_drain_and_to_answer(granted_s: int) -> None:
    assert granted_s > Settings().drain_s + GRACE_S


def test_nothing_runs_as_root_or_writes_beside_its_data() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    detector = COMPOSE["services"]["detector"]
    assert detector["read_only"]
    assert detector["volumes"] == ["data:/data"]
    assert POD["securityContext"]["runAsNonRoot"]
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    assert [mount["mountPath"] for mount in CONTAINER["volumeMounts"]] == ["/data", "/tmp"]


def test_what_the_image_is_made_of_gets_past_the_ignore_file() -> None:
    copied = {name for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    ignored = (HERE / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert copied == {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_what_prometheus_mounts_is_there_and_is_named() -> None:
    prometheus = COMPOSE["services"]["prometheus"]
    mounted = dict(volume.split(":")[:2] for volume in prometheus["volumes"])
    assert (HERE / "prometheus.yml").samefile(HERE / next(path for path in mounted if path.endswith("prometheus.yml")))
    assert (SERVE / "alerts.yml").samefile(HERE / next(path for path in mounted if path.endswith("alerts.yml")))
    config = yaml.safe_load((HERE / "prometheus.yml").read_text())
    assert mounted["../alerts.yml"] == f"/etc/prometheus/{config['rule_files'][0]}"
    (scrape,) = config["scrape_configs"]
    assert scrape["authorization"]["credentials_file"] == f"/run/secrets/{prometheus['secrets'][0]['source']}"
    assert scrape["static_configs"] == [{"targets": ["detector:8000"]}]
    # The alert that nothing answers asks for the job by this name.
    assert f'job="{scrape["job_name"]}"' in (SERVE / "alerts.yml").read_text()


def test_the_health_check_of_the_image_tells_ready_from_not(runnable_bundle: Path) -> None:
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    _python, *words = json.loads(found[1])
    with served(runnable_bundle, ANONYMOUS="no") as service:
        command = [sys.executable, *(word.replace(":8000/", f":{service.port}/") for word in words)]
        assert subprocess.run(command).returncode == 0
        service.stop()
        assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode != 0
