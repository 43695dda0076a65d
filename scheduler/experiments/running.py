"""Runs that may have been begun before: start one, go on with it, or find it finished; and many of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import differences, load
from smalti.scheduler.records.atomic import write_text_atomic
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.runner import Watcher, resume, start

FINISHED = "finished"  # an empty file in the folder of a run that needs not be looked at again
MAY_MOVE = {"stream.path", "growth.birth_record"}  # paths: what they lead to is what counts


def run_trial(config: Config, path: Path, watch: Watcher = lambda simulation: None) -> None:
    """Start a run into a folder, or go on with it; a finished one is left as it is.

    Args:
        config: what to run.
        path: its folder.
        watch: called after every round.

    Raises:
        ValueError: the folder holds a run of another configuration.
    """
    if not path.exists():
        start(config, path, watch)
    else:
        changed = differences(load(Config, open_run(path).config), config.resolved()).keys() - MAY_MOVE
        if changed:
            raise ValueError(f"{path} holds another configuration (differs in {', '.join(changed)}); delete it first")
        if (path / FINISHED).exists():
            return
        resume(path, watch)
    write_text_atomic(path / FINISHED, "")


def run_all(configs: Mapping[str, Config], out: Path, tell: Callable[[str, str], None], workers: int = 0) -> list[str]:
    """Run every configuration into a folder of its name under ``out``, on all cores; what is there is not run again.

    Args:
        configs: by name.
        out: made if it is missing.
        tell: told of every run that ends: its name, and "done" or the error.
        workers: runs at a time; 0 takes every core.

    Returns:
        Names of those that failed.
    """
    from joblib import Parallel, delayed

    threads = max((config.run.threads for config in configs.values()), default=1)
    out.mkdir(parents=True, exist_ok=True)
    pool = Parallel(n_jobs=workers or -threads, batch_size=1, return_as="generator_unordered")
    failed = []
    for name, error in pool(delayed(_attempt)(name, config.resolved(), out / name) for name, config in configs.items()):
        tell(name, error or "done")
        failed += [name] * bool(error)
    return failed


def _attempt(name: str, config: Config, path: Path) -> tuple[str, str]:
    try:
        run_trial(config, path)
    except Exception as error:  # whatever happens in a run, the others go on
        return name, f"{type(error).__name__}: {error}"
    return name, ""
