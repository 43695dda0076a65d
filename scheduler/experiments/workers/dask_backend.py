"""Joblib's view of a Dask cluster. Joblib has one of its own, which never learns of tasks whose workers were killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joblib.parallel import ParallelBackendBase


class DaskBackend(ParallelBackendBase):  # type: ignore[misc]
    """Hands joblib's tasks to the workers of a Dask client, each once.

    Args:
        client: ``distributed.Client``, connected.
    """

    supports_retrieve_callback = True

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.client = client
        self.futures: set[Any] = set()

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Make ready for a call of ``Parallel``."""
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Whatever was asked for: how many run at once is up to the cluster."""
        return n_jobs

    def submit(self, func: Callable[[], object], callback: Callable[[Any], None]) -> Any:
        """Have a task done; the callback gets its future when it has ended, well or not."""
        future = self.client.submit(func, pure=False)
        self.futures.add(future)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future: Any) -> object:
        """The result of a future that has ended.

        Raises:
            KilledWorker: its workers died, more often than the scheduler allows.
        """
        self.futures.discard(future)
        return future.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Drop what has not begun; what has goes on to its end."""
        self.client.cancel(list(self.futures), force=True)
        self.futures.clear()
