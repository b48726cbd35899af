"""A Ray cluster on this machine: a head that scores nothing, and two machines with a processor each, all real processes.

Prints its address and the process of each machine as JSON, and lasts until its standard input is closed.
"""

import json
import os
import socket
import sys
from contextlib import ExitStack
from inspect import signature
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_register_timeout_seconds": "300", "RAY_worker_niceness": "0"}
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
MACHINE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}


def free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in sockets]


def patient() -> None:
    """Tell each machine the port of its agent: it waits 15 s for the agent to write it down, and ends, too little where all is busy."""
    from ray._private import services

    start = services.start_raylet

    def start_with_port(*arguments: Any, **options: Any) -> Any:
        given = signature(start).bind(*arguments, **options).arguments
        name = f"dashboard_agent_listen_port_{given['node_id']}"
        Path(given["session_dir"], name).write_text(str(given["dashboard_agent_listen_port"]))
        return start(*arguments, **options)

    services.start_raylet = start_with_port


def main() -> None:
    from ray.cluster_utils import Cluster

    patient()
    ports = [dict(zip(PORTS, free_ports(len(PORTS)), strict=True)) for _ in range(3)]
    nodes = Cluster(initialize_head=True, head_node_args=MACHINE | ports[0] | {"num_cpus": 0})
    machines = [nodes.add_node(**MACHINE, **each) for each in ports[1:]]
    nodes.wait_for_nodes()
    raylets = [machine.all_processes["raylet"][0].process.pid for machine in machines]
    sys.stdout.write(json.dumps({"address": nodes.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    nodes.shutdown()


if __name__ == "__main__":
    main()
