"""Tensors on their way to a device and back, shared by the backends that use torch."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray


class Landing:
    """An answer that may still be computed: its copy to the host is under way, and `wait` gives it."""

    __slots__ = ("_event", "_tensor")

    def __init__(self, answer: torch.Tensor, kind: str) -> None:
        self._event: torch.cuda.Event | None = None
        self._tensor = answer if answer.dtype == torch.float32 else answer.float()
        if kind == "cuda":
            landed = torch.empty(self._tensor.shape, dtype=torch.float32, pin_memory=True)
            self._tensor = landed.copy_(self._tensor, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def wait(self) -> NDArray[Any]:
        """The answer on the host. Waits on its own event and never on the device."""
        if self._event is not None:
            self._event.synchronize()
        return self._tensor.cpu().numpy()


def to_device(tensor: torch.Tensor, kind: str) -> torch.Tensor:
    """A copy on the device. On CUDA through pinned memory, so that the thread does not wait for it."""
    if kind == "cuda":
        return tensor.pin_memory().to(kind, non_blocking=True)
    return tensor.to(kind)


def tensor_bytes(module: torch.nn.Module) -> int:
    """What the weights hold."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def use_threads(threads: int) -> None:
    """Set the CPU threads of the forwards on this thread. Cheap when nothing changes."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
