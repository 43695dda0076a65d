"""What a benchmark ran on, in one line."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "numba", "torch", "jax", "brainevent", "snntorch", "norse", "spikingjelly")
EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # of x86 processors, that some engines use


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Processor with what it can do, and versions of what is installed."""
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    return f"{processor(cpuinfo)}; Python {platform.python_version()}, {', '.join(versions)}"


def processor(cpuinfo: Path) -> str:
    """Model, virtual cores and extensions; less where the kernel does not say."""
    if not cpuinfo.is_file():
        return f"{platform.processor() or 'unknown processor'} ({platform.machine()})"
    lines = [line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line]
    facts = {key.strip(): value.strip() for key, value in lines}
    flags = facts.get("flags", "").split()
    name = facts.get("model name", platform.machine())
    model = f"{name}, family {facts.get('cpu family')} model {facts.get('model')}"
    count = sum(key.strip() == "processor" for key, _ in lines)
    can = ", ".join(f"{name} {'yes' if name in flags else 'no'}" for name in EXTENSIONS)
    return f"{model}, {count} virtual cores, {can}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
