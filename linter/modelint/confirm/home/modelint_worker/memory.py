"""How much memory running a model takes: of this process, or of the GPU that it runs on."""

from __future__ import annotations

import os
import sys
from typing import Any


class Memory:
    """What is held now, and the most that was since the peak was forgotten, in bytes.

    Of the GPU it is what the framework in this process has put there. Where the system lets no peak be forgotten, the
    peak is that of the process so far.
    """

    def __init__(self, *, gpu: bool) -> None:
        self.gpu = gpu

    def held(self) -> int:
        """What is held now."""
        return self._on_gpu("current") or _status("VmRSS") or _most()

    def peak(self) -> int:
        """The most that was held."""
        return self._on_gpu("peak") or _status("VmHWM") or _most()

    def forget_peak(self) -> None:
        """Let the peak begin at what is held now."""
        torch, tensorflow = _frameworks(self.gpu)
        if torch is not None:
            torch.cuda.reset_peak_memory_stats()
        elif tensorflow is not None:
            tensorflow.config.experimental.reset_memory_stats("GPU:0")
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            return

    def _on_gpu(self, which: str) -> int:
        """What the framework has on the GPU; 0 where it runs on none, or does not say."""
        torch, tensorflow = _frameworks(self.gpu)
        if torch is not None:
            return int(torch.cuda.memory_allocated() if which == "current" else torch.cuda.max_memory_allocated())
        if tensorflow is not None:
            return int(tensorflow.config.experimental.get_memory_info("GPU:0")[which])
        return 0


def _frameworks(gpu: bool) -> tuple[Any, Any]:
    """PyTorch and TensorFlow, each if it is imported and may run on the GPU."""
    return (sys.modules.get("torch"), sys.modules.get("tensorflow")) if gpu else (None, None)


def _status(name: str) -> int:
    """A line of what Linux says of this process, in bytes; 0 where there is none."""
    try:
        with open(f"/proc/{os.getpid()}/status", encoding="ascii") as file:
            found = next((line for line in file if line.startswith(f"{name}:")), "")
    except OSError:
        return 0
    return int(found.split()[1]) * 1024 if found else 0


def _most() -> int:
    """The most that this process has held so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
