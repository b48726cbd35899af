"""What scores the posts of a run over files: this process, or a cluster. The rows, the output and the checkpoint are the same."""

from detector.engines.engine import Engine
from detector.engines.local import LocalEngine

__all__ = ["Engine", "LocalEngine"]
