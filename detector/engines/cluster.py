"""A cluster of machines, by way of Ray Data.

One process reads the posts on the machine where the command runs, so that the inputs need lie there only. Ray cuts them into
blocks of a hundred or fewer and hands those to an actor on each machine, which has one model and as many threads as the machine has
CPUs. The verdicts come back in the order of the posts; the command reads its inputs a second time, and writes output and
checkpoint as it does without a cluster. What is lost with a process or a machine is scored again elsewhere, by Ray; what is lost
with the command is scored again when it is resumed.

Posts and contacts travel as they are, with --mask too: they are hidden where the command writes. Ray holds both in the memory of
the machines, and in its folder on their disks if that is full.

    inputs ─ read_posts ─> blocks of posts ─ map_batches(Scorer) ─> verdicts in order ─> output, checkpoint
             one task, here                  one actor a machine     the command, here
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from functools import partial

# Written, never read: Ray takes this setting from nowhere else.
from os import environ
from pathlib import Path
from typing import Any, TextIO, cast

from detector.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from detector.checkpoint import read_verdict
from detector.engines.workers import Scorer, checksum, installed, read_posts
from detector.errors import BackendError, BundleError, DetectorError, InputError, MissingExtraError
from detector.inputs import Input, Reading, check_lasts
from detector.records import Post, Verdict

_BLOCK = 32 << 10
"""Bytes of posts that are scored together: a hundred posts or fewer, seconds of work, and little to do again if they are lost."""
_CPU_SHARE = 0.01
"""CPUs that Ray keeps for an actor, which uses all of its machine: with so few another machine can always take it in."""
_DEATHS = 20
"""Actors in a row that may die while they load their model."""
_ERRORS: dict[str, type[DetectorError]] = {each.__name__: each for each in (BackendError, BundleError, InputError)}
_WAIT_S = 10.0
READERS = ("iter_threaded", "StreamingExecutor")
"""Names of the threads in which Ray Data reads blocks and drives the others; they end soon after nobody takes its verdicts."""
_START = "ray start --head --disable-usage-stats"


class ClusterEngine:
    """Scores posts on a cluster; see :class:`detector.engines.Engine`. Made by :func:`cluster`.

    :param bundle: The model, which each machine has in the same folder, or in the package.
    :param machines: Threads for each machine that scores, by the name that Ray gives it.
    """

    runtime = "OnnxBackend"

    def __init__(self, bundle: Bundle, machines: Mapping[str, int]) -> None:
        self.bundle = bundle
        self.copies_found = 0
        self._machines = machines
        self._inputs: Sequence[Input] = ()
        self._reading = Reading()
        self._answers: Iterator[Any] | None = None
        self._between: Callable[[], None] = lambda: None

    def begin(self, inputs: Sequence[Input], reading: Reading) -> None:
        """Take note of the inputs, which another process will open by their full names.

        :raises InputError: if one of them is a stream, which only one process can read.
        """
        for each in inputs:
            check_lasts(each.path, "--engine ray reads twice")
        self._inputs = [Input(Path(each.path).absolute(), each.found, each.fault) for each in inputs]
        self._reading = reading

    def score(self, posts: Sequence[tuple[int, Post]]) -> list[Verdict]:
        """Return the verdicts on the next posts.

        :raises BackendError: if the cluster fails.
        :raises InputError: if an input is not what it was when it was read for the cluster.
        """
        if self._answers is None:
            # Rows before the first post asked for are known from an earlier run.
            self._answers = self._run(posts[0][0])
        self._between()
        return [self._verdict(row, post, self._answers) for row, post in posts]

    def close(self) -> None:
        """Stop what is still being scored."""
        if self._answers is not None:
            self._answers.close()  # type: ignore[attr-defined]
            _wait_for_readers()

    def _verdict(self, row: int, post: Post, answers: Iterator[Any]) -> Verdict:
        answered, check, line, copies, kind = next(answers, (0, 0, b"", 0, None))
        if kind is not None:
            raise _ERRORS.get(kind, BackendError)(line.decode())
        if (answered, check) != (row, checksum(post.text)):
            raise InputError(
                f"row {row}: the process that reads for the cluster found another post there, or none; "
                "Ray must have the right to read the inputs, and they must stay as they are"
            )
        self.copies_found += copies
        return read_verdict(line, post, self.bundle.identity)

    def _run(self, first: int) -> Iterator[Any]:
        """Yield row, checksum, verdict, copies and error for each post from a row on, in their order."""
        import ray
        from ray.data import ActorPoolStrategy, DataContext, read_datasource

        read = partial(read_posts, self._inputs, self._reading, first)
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        # The model in the package lies where each machine has the package.
        folder = None if self.bundle.folder == DEFAULT_BUNDLE else self.bundle.folder.absolute()
        wanted = (folder, self.bundle.sha256, installed(), dict(self._machines))
        try:
            with _signals_put_off() as self._between, DataContext.current(_quiet(DataContext.get_current().copy())):
                # No CPU is kept for reading: it waits for the others most of the time.
                posts = read_datasource(_source(read), num_cpus=0, override_num_blocks=1, label_selector=here)
                verdicts = posts.map_batches(
                    Scorer,
                    batch_size=None,
                    batch_format="pyarrow",
                    compute=ActorPoolStrategy(size=len(self._machines)),
                    fn_constructor_args=wanted,
                    num_cpus=_CPU_SHARE,
                )
                for table in verdicts.iter_batches(batch_size=None, batch_format="pyarrow"):
                    self._between()
                    columns = (table.column(name).to_pylist() for name in ("row", "check", "verdict", "copies", "error"))
                    yield from zip(*columns, strict=True)
        except Exception as error:  # of Ray's exceptions some have no public root; their messages may show posts
            raise BackendError(f"the cluster failed: {type(error).__name__}; see /tmp/ray/session_latest/logs") from error


def _source(read: Callable[[], Iterator[Any]]) -> Any:  # noqa: ANN401
    """Return a datasource of Ray Data with one task, which yields blocks as they are wanted."""
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Posts(Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, parallelism: int, *_: object, **__: object) -> list[Any]:
            return [ReadTask(read, BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None))]

    return Posts()


def _quiet(context: Any) -> Any:  # noqa: ANN401
    context.target_max_block_size = _BLOCK
    context.execution_options.preserve_order = True
    context.max_consecutive_actor_init_deaths = _DEATHS
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return context


@contextmanager
def cluster(address: str | None, model: Path, *, threads: int | None = None) -> Iterator[ClusterEngine]:
    """Connect to a Ray cluster for as long as the block runs.

    :param address: Of its head, ``host:port``, or ``auto`` for the one that runs on this machine; by default one is started here.
    :param threads: Posts read side by side on each machine; by default one for each of its CPUs.
    :raises BundleError: if the model is not a whole bundle of this version.
    :raises BackendError: if no cluster answers, or none of its machines has a CPU.
    :raises MissingExtraError: if the extra ``ray`` is not installed.
    """
    try:
        import ray.data
    except ImportError as error:
        raise MissingExtraError(str(error.name), "ray") from error
    bundle = read_bundle(model)
    with _unheard(), _connected(ray, address):
        cpus = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]}
        machines = {name: threads or count for name, count in sorted(cpus.items()) if count}
        if not machines:
            raise BackendError("expected a cluster with a CPU to score on, got none; start ray on one machine more")
        with closing(ClusterEngine(bundle, machines)) as engine:
            yield engine


def _wait_for_readers() -> None:
    """Wait until no thread of Ray Data asks for blocks any more: if Ray is let go of before, its C++ ends the process with 1."""
    for thread in threading.enumerate():
        if thread.name.startswith(READERS):
            thread.join(_WAIT_S)


@contextmanager
def _signals_put_off() -> Iterator[Callable[[], None]]:
    """Keep the first Ctrl-C or SIGTERM back until the function that is yielded is called, or the block is left.

    Either then does what the signal would have done. Inside Ray's own code, and where its objects are let go of, an exception from
    a handler may end the process without a word, or be lost. A second signal is not put off: a cluster may hang.
    """
    # What ends the process by itself, or is ignored, does no harm and stays.
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    waiting: list[signal.Signals] = []

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def put_off(number: int, _: object) -> None:
        restore()
        waiting.append(signal.Signals(number))

    def between() -> None:
        while waiting:
            number = waiting.pop(0)
            handlers[number](number, None)

    for number in handlers:
        signal.signal(number, put_off)
    try:
        yield between
    finally:
        restore()
        between()


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:  # noqa: ANN401
    """Join a cluster, or start one here; nothing is sent anywhere else."""
    environ["RAY_USAGE_STATS_ENABLED"] = "0"
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:  # of several kinds, without a public root
        reason = str(error).strip().split("\n")[0]
        raise BackendError(f"{address or 'this machine'}: no Ray cluster answers: {reason}; start one with: {_START}") from error
    finally:
        # Ray's own would end the process with another status.
        signal.signal(signal.SIGTERM, handler)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Ask whether anyone listens: Ray itself would wait for minutes without a word.

    :raises OSError: if no one does; so does ValueError if the address has no port.
    """
    if address not in {None, "auto", "local"}:
        host, _, port = str(address).rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_WAIT_S).close()


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep what Ray says off the terminal, and out of an output that is standard output: its threads write there, its C++ to 2."""
    terminal = os.dup(2)
    with (
        open(os.devnull, "wb") as nowhere,
        open(terminal, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as errors_shown,
        redirect_stderr(errors_shown),
        redirect_stdout(cast(TextIO, _MainThread(sys.stdout))),
    ):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)


class _MainThread:
    """Standard output for the main thread; what others write is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if it is the main thread that does."""
        return self._stream.write(text) if threading.current_thread() is threading.main_thread() else len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)
