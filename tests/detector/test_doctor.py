"""The examination of an installation, with things broken for real."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from detector.cli import main
from detector.doctor import Finding, exit_status
from detector.doctor.limits import Limits, limits_of
from detector.doctor.machine import memory, processors
from detector.doctor.packages import NAME, check_extras, check_packages, judge_extra, judge_packages

ROOT = Path(__file__).parents[2]
GIB = 1 << 30


def run(*arguments: object, before: str = "", prefix: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own.

    :param before: Python that runs there first.
    :param prefix: A command that starts the process.
    """
    code = f"import sys\n{before}\nfrom detector.cli import main\nsys.exit(main({list(map(str, ['doctor', *arguments]))!r}))"
    command = [*prefix, sys.executable, "-c", code]
    # The folder of this test's own files must not be what is checked.
    env = {name: value for name, value in os.environ.items() if name != "TMPDIR"} | {"PYTHONPATH": str(ROOT)} | environ
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def findings(shown: str) -> dict[str, dict[str, object]]:
    return {each["check"]: each for each in json.loads(shown)}


def here(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, dict[str, dict[str, object]]]:
    """Run the command in this process; return its status and findings."""
    status = main(["doctor", "--json", "--model", str(folder)])
    return status, findings(capsys.readouterr().out)


OFFLINE = """
import os
def forbid(event, arguments):
    if event.startswith("socket.") and event not in {"socket.gethostname"}:
        os.write(2, f"network: {event}".encode())
        os._exit(99)
sys.addaudithook(forbid)
"""


@pytest.mark.model
def test_a_whole_installation_has_no_fault_and_needs_no_network() -> None:
    done = run("--json", before=OFFLINE)
    found = findings(done.stdout)
    assert (done.returncode, [each for each in found.values() if each["state"] == "fault"]) == (0, [])
    expected = "python package packages model runtime scoring languages terminal temporary cache disk memory processors browser"
    assert set(expected.split()) <= set(found)
    assert {"extra cases", "extra serve", "extra train"} <= set(found)
    assert "extra dev" not in found
    assert "(review)" in str(found["scoring"]["found"])
    assert all(each["advice"] for each in found.values() if each["state"] != "ok")


def test_a_person_gets_one_line_a_check(runnable_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", str(runnable_bundle)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning"}
    assert sum(" browser " in line for line in lines) == 1
    main(["doctor", "--json", "--model", str(runnable_bundle)])
    assert len(lines) == len(json.loads(capsys.readouterr().out))


# Broken models.


def flipped(folder: Path, name: str) -> None:
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_flipped_byte_in_a_model_is_found_and_named(
    runnable_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = shutil.copytree(runnable_bundle, tmp_path / "model")
    flipped(folder, name)
    status, found = here(capsys, folder)
    assert (status, found["model"]["state"]) == (4, "fault")
    assert str(found["model"]["found"]).startswith(f"{folder / name}: expected sha256 ")
    assert "get the model again" in str(found["model"]["advice"])
    # What does not need the model is looked at all the same.
    assert "scoring" not in found
    assert {"terminal", "memory", "extra cases"} <= set(found)


def test_a_graph_that_the_runtime_refuses_is_a_fault_of_the_model(bundle: object, capsys: pytest.CaptureFixture[str]) -> None:
    # Its hashes are right, its graph is empty.
    assert main(["doctor", "--model", str(bundle.folder)]) == 4  # type: ignore[attr-defined]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fault")]
    assert line.split()[:2] == ["fault", "scoring"]
    assert "ONNX Runtime" in line


# Packages.


@pytest.mark.parametrize(("module", "check"), [("pyarrow", "pyarrow"), ("onnxruntime", "runtime")])
def test_a_package_that_cannot_be_imported_is_a_fault_with_the_command_that_mends_it(
    runnable_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, check: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    status, found = here(capsys, runnable_bundle)
    assert (status, found[module]["state"], found[check]["state"]) == (5, "fault", "fault")
    assert str(found[module]["found"]).startswith("cannot be imported: ")
    assert str(found[module]["advice"]).startswith(f"pip install --force-reinstall '{module}>=")
    assert module not in str(found["packages"]["found"])


def test_a_package_of_an_extra_that_is_missing_is_a_warning_with_the_command(runnable_bundle: Path) -> None:
    pytest.importorskip("rensa")
    done = run("--json", "--model", runnable_bundle, before="sys.modules['rensa'] = None")
    extra = findings(done.stdout)["extra cases"]
    assert (done.returncode, extra["state"]) == (0, "warning")
    assert "rensa cannot be imported" in str(extra["found"])
    assert extra["advice"] == f"pip install '{NAME}[cases]'"


def test_an_extra_of_which_nothing_is_there_is_no_fault_and_names_the_command() -> None:
    found = judge_extra("cases", [Requirement("no-package-of-this-name>=1"), Requirement("nor-of-this")])
    assert (found.state, found.advice) == ("ok", f"pip install '{NAME}[cases]'")
    assert found.found.startswith("not installed; only needed for campaigns")


def test_a_package_that_is_too_old_is_a_fault_or_in_an_extra_a_warning() -> None:
    too_old = [Requirement("numpy>=999"), Requirement("typer>=0.1")]
    first, rest = judge_packages(too_old)
    assert (first.check, first.state, first.status) == ("numpy", "fault", 5)
    assert first.found.startswith("expected >=999, got ")
    assert first.advice == "pip install --force-reinstall 'numpy>=999'"
    assert (rest.check, rest.state, rest.found.split()[0]) == ("packages", "ok", "typer")
    assert judge_extra("cases", too_old).state == "warning"


def test_a_module_of_another_name_than_its_package_is_found() -> None:
    if find_spec("sklearn") is None:
        pytest.skip("the extra train is not installed")
    assert judge_extra("train", [Requirement("scikit-learn")]).found.startswith("installed")


METADATA = f"""Metadata-Version: 2.4
Name: {NAME}
Version: 9.9
Requires-Python: >=3.98
Provides-Extra: cases
Provides-Extra: dev
Requires-Dist: numpy>=998
Requires-Dist: no-package-of-this-name>=1; extra == "cases"
Requires-Dist: {NAME}[cases]; extra == "dev"
"""


def test_an_installed_package_is_checked_against_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "detector").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "of-another-project"\n')
    info = tmp_path / f"{NAME.replace('-', '_')}-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    monkeypatch.setattr("detector.doctor.packages._FOLDER", tmp_path / "detector")
    monkeypatch.syspath_prepend(tmp_path)
    python, package, numpy, _ = check_packages()
    assert (python.state, ">=3.98 is needed" in python.found) == ("fault", True)
    assert package.found.startswith(f"{NAME} 9.9 in ")
    assert numpy.found.startswith("expected >=998, got ")
    (extra,) = check_extras()
    assert (extra.check, extra.advice) == ("extra cases", f"pip install '{NAME}[cases]'")


# The machine.


def test_a_terminal_of_another_encoding_is_a_warning_and_stops_nothing(runnable_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(runnable_bundle, tmp_path / "modèle-โมเดล")
    explain = f"['explain', 'งาน 🔥 kitchen help', '--model', {str(folder)!r}]"
    before = f"from detector.cli import main\nmain({explain})\nmain([*{explain}, '--json'])"
    done = run("--model", folder, before=before, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    (line,) = [line for line in done.stdout.splitlines() if " terminal " in line]
    assert line.startswith("warning ")
    assert "PYTHONIOENCODING=utf-8" in line
    assert "mod\\xe8le" in done.stdout
    # A post in another script is shown all the same, and its JSON is JSON.
    assert "\\u0e07\\u0e32\\u0e19" in done.stdout
    record, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{") :])
    assert record["error"] is None


def test_temporary_folders_that_cannot_be_written_are_a_fault(runnable_bundle: Path) -> None:
    # In a namespace of mounts of its own, where all folders that Python tries are read-only.
    script = "set -e; for each in /tmp /var/tmp /usr/tmp; do if test -d $each; then mount --bind $each $each; mount -o remount,ro,bind $each; fi; done; "
    prefix = ("unshare", "--mount", "sh", "-c", script + 'cd /proc; exec "$@"', "sh")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount folders read-only")
    done = run("--json", "--model", runnable_bundle, prefix=prefix)
    found = findings(done.stdout)
    assert (done.returncode, found["temporary"]["state"]) == (6, "fault")
    assert "export TMPDIR=" in str(found["temporary"]["advice"])
    # Nothing can be scored without: the model of languages is unpacked there.
    assert (found["model"]["state"], "scoring" in found) == ("ok", False)


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def test_limits_of_control_groups_of_version_2_are_those_of_all_groups_around(tmp_path: Path) -> None:
    write(tmp_path / "proc", meminfo="MemTotal: 9000 kB\nMemAvailable: 8388608 kB\n")
    write(tmp_path / "proc" / "self", cgroup="0::/pods/one\n")
    outer, inner = tmp_path / "groups" / "pods", tmp_path / "groups" / "pods" / "one"
    stat = "anon 5\ninactive_file 1073741824\n"
    write(outer, memory__max=str(4 * GIB), memory__current=str(3 * GIB), memory__stat=stat, cpu__max="150000 100000\n")
    write(inner, memory__max="max\n", memory__current="5\n", cpu__max="max 100000\n")
    assert limits_of(tmp_path / "proc", tmp_path / "groups") == Limits(2 * GIB, 1.5)


def test_limits_of_control_groups_of_version_1_are_read_and_none_is_none(tmp_path: Path) -> None:
    write(tmp_path / "proc", meminfo=f"MemAvailable: {GIB // 1024} kB\n")
    write(tmp_path / "proc" / "self", cgroup="4:memory:/job/x\n3:cpu,cpuacct:/\n1:name=systemd:/\n")
    cpu = write(tmp_path / "groups" / "cpu,cpuacct", cpu__cfs_quota_us="50000\n", cpu__cfs_period_us="100000\n")
    write(tmp_path / "groups" / "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="5")
    assert limits_of(tmp_path / "proc", tmp_path / "groups") == Limits(GIB, 0.5)
    (cpu / "cpu.cfs_quota_us").write_text("-1\n")
    assert limits_of(tmp_path / "proc", tmp_path / "groups") == Limits(GIB, None)
    assert limits_of(tmp_path / "nowhere", tmp_path / "nowhere") == Limits(None, None)


def test_less_memory_or_time_than_scoring_wants_is_a_warning() -> None:
    assert memory(Limits(2 * GIB, None)).state == "ok"
    assert memory(Limits(GIB // 4, None)).found.startswith("0.2 GiB free")
    assert {memory(Limits(number, None)).state for number in (None, GIB // 4)} == {"warning"}
    assert processors(Limits(None, None), usable=4, present=8).found.startswith("4 of 8 cores")
    short = processors(Limits(None, 1.5), usable=4, present=8)
    assert (short.state, short.advice) == ("warning", "score with --threads 2")
    assert processors(Limits(None, 0.2), usable=4, present=8).advice == "score with --threads 1"
    assert processors(Limits(None, 4.0), usable=4, present=8).state == "ok"


def test_the_status_is_that_of_the_first_fault() -> None:
    ok, fault = Finding("a", "ok", "x"), Finding("b", "fault", "x", "y", 6)
    assert exit_status([ok, fault, Finding("c", "fault", "x", "y", 4)]) == 6
    assert exit_status([ok]) == 0
