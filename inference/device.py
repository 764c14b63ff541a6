"""The device that models run on, and its memory. Thin: torch is imported only when it is needed."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from inference.errors import LoadError

SMALL_PARAMETERS = 20_000_000
"""A model below this gets one CPU thread: two collapse when the other core is busy (engine.md, threads)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of the device."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One place where models run."""

    kind: str  # "cpu", "cuda", "mps" or "xpu"

    @classmethod
    def of(cls, wanted: str) -> Device:
        """The device of the settings. `auto` takes an accelerator where torch finds one."""
        if wanted == "cpu":
            return cls(kind="cpu")
        import torch  # noqa: PLC0415  only where an accelerator is asked for: half a second and 200 MB

        found = torch.accelerator.current_accelerator(check_available=True)
        if wanted == "auto":
            return cls(kind=found.type if found is not None and found.type == "cuda" else "cpu")
        if found is None or found.type != wanted:
            raise LoadError(f"engine.device is '{wanted}', which this machine lacks; set it to auto or cpu")
        return cls(kind=wanted)

    @property
    def is_cpu(self) -> bool:
        return self.kind == "cpu"

    @property
    def depth(self) -> int:
        """Batches in flight: a second one hides the copy on CUDA, and only halves the batches elsewhere."""
        return 2 if self.kind == "cuda" else 1

    @property
    def name(self) -> str:
        """What the vendor calls it, for benchmarks and `models list`."""
        if self.kind != "cuda":
            return self.kind
        import torch  # noqa: PLC0415  imported already when a CUDA device was found

        return torch.cuda.get_device_name()

    def memory(self) -> Memory:
        """What is there and what is free. On the CPU torch has no such call."""
        if self.kind != "cuda":
            memory = psutil.virtual_memory()
            return Memory(total_bytes=memory.total, free_bytes=memory.available)
        import torch  # noqa: PLC0415  imported already when a CUDA device was found

        free, total = torch.cuda.mem_get_info()
        return Memory(total_bytes=total, free_bytes=free)

    def threads_for(self, parameters: int, wanted: int | None) -> int:
        """CPU threads of one forward."""
        if wanted is not None:
            return wanted
        cores = psutil.cpu_count(logical=False) or 1
        return 1 if parameters < SMALL_PARAMETERS else max(1, cores - 1)
