"""How much memory is there, and whether something fits into it before it is built.

Knows nothing of chips and samples: whoever builds something large says how much it takes at least.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container, by version
MEMINFO = "/proc/meminfo"
PAGES = "/proc/self/statm"
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def available_bytes(device: torch.device | None = None) -> int:
    """Bytes that can still be taken: of the GPU, or the machine's, as far as container and shell allow."""
    if device is not None and device.type == "cuda":
        import torch  # not above: whoever asks for the machine's need not wait for it

        return int(torch.cuda.mem_get_info(device)[0])
    return min(_machine(), *_container(), _shell())


def require(needed: int, what: str, cure: str, device: torch.device | None = None) -> None:
    """Whether something fits into memory.

    Args:
        needed: bytes that it takes at least.
        what: it, in words, such as "a chip of 3 x 4 tiles".
        cure: what to lower, as users write it.
        device: where it is to lie; None for the machine's own memory.

    Raises:
        ValueError: it does not, with the estimate, what there is, and the cure.
    """
    there = available_bytes(device)
    if needed > there:
        where = "this machine" if device is None or device.type == "cpu" else str(device)
        room = f"{spelled(needed)} of memory, and {where} has {spelled(there)} left"
        raise ValueError(f"{what} would take at least {room}; lower {cure}")


def spelled(size: int) -> str:
    """Bytes as people read them: 1.5 GB."""
    power = min(max(0, (len(str(size)) - 1) // 3), len(UNITS) - 1)
    return f"{size / 1000**power:.3g} {UNITS[power]}"


def _machine() -> int:
    """Memory that is free or can be made so, swap included; where the system does not say, all that there is."""
    try:
        lines = Path(MEMINFO).read_text(encoding="ascii").splitlines()
        sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return 1024 * (sizes["MemAvailable"] + sizes["SwapFree"])
    except (OSError, ValueError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _container() -> list[int]:
    """The limit of the container; nothing where there is none."""
    found = []
    for file in CGROUPS:
        try:
            found.append(int(Path(file).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return found


def _shell() -> int:
    """What `ulimit -v` leaves to a process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return 2**63 - 1
    try:
        taken = int(Path(PAGES).read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # the system does not say
        taken = 0
    return max(0, soft - taken)
