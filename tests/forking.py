"""Processes to be killed that are there at once: forked from one that has loaded what they need."""

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

SERVER = """
import json, os, sys, traceback
beforehand, code = sys.argv[1:]
exec(beforehand, {})
for line in sys.stdin.buffer.raw:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        for number in (1, 2):
            os.dup2(os.open(order["shown"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        sys.argv[1:] = order["arguments"]
        try:
            exec(code, {"__name__": "__main__"})
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.write(1, b"%d\\n" % pid)
    os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


class Forked:
    """A process that runs, or has run, the code of its server."""

    def __init__(self, server: "subprocess.Popen[bytes]", arguments: Sequence[object], shown: Path) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._answers: IO[bytes] = server.stdout
        self._status: int | None = None
        self._shown = shown
        shown.unlink(missing_ok=True)
        server.stdin.write(json.dumps({"arguments": list(map(str, arguments)), "shown": str(shown)}).encode() + b"\n")
        self._pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; nothing while the process runs."""
        if self._status is None and select.select([self._answers], [], [], 0)[0]:
            self._status = int(self._answers.readline())
        return self._status

    def kill(self) -> None:
        """End the process as a crash of the machine would, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self.wait()

    def wait(self, timeout: float = 120) -> int:
        """Return the exit status, once there is one."""
        assert self._status is not None or select.select([self._answers], [], [], timeout)[0], f"runs for over {timeout} s"
        status = self.poll()
        assert status is not None
        return status

    def shown(self) -> str:
        """Return what the process wrote to standard output and standard error."""
        return self._shown.read_text()


@contextmanager
def forking(beforehand: str, code: str, folder: Path, paths: Sequence[Path]) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a server of processes that run some code.

    :param beforehand: What is run once, before the first of them: imports, and whatever loads data; it leaves no thread and no file.
    :param folder: Where the processes run.
    :param paths: Where modules are found.
    """
    pipe = subprocess.PIPE
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVER, textwrap.dedent(beforehand), textwrap.dedent(code)]
    # Without buffers: what one read would take too much the next would wait for.
    with subprocess.Popen(command, cwd=folder, env=environ, stdin=pipe, stdout=pipe, bufsize=0) as server:
        try:
            yield server
        finally:
            server.stdin.close()
            server.wait(60)
