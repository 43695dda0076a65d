"""A run's simulation, rebuilt from its checkpoint: what asks its network anew begins here. Writes nothing."""

from __future__ import annotations

from smalti.analysis.tables import RunTables
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import load
from smalti.scheduler.records import checkpoint
from smalti.scheduler.records.environment import facts_of
from smalti.scheduler.records.folder import open_run
from smalti.scheduler.records.pasted import pasted
from smalti.scheduler.records.schema import SCHEMA_VERSION
from smalti.scheduler.records.state import joined
from smalti.scheduler.runner import fresh
from smalti.scheduler.simulation import Simulation


def restored(run: RunTables | Simulation) -> Simulation:
    """The simulation of a run as its last checkpoint has it; the folder stays as it is.

    Args:
        run: the run; or what this gave for it, which is handed back, for who asks many things.

    Raises:
        ValueError: another version began the run, no round is finished, the checkpoint is damaged, or its data is gone.
    """
    if isinstance(run, Simulation):
        return run
    folder = open_run(run.path)
    version = facts_of(folder.environment)["schema_version"]
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{run.path} was begun with tables of schema {version}, this smalti writes {SCHEMA_VERSION}: its tables "
            "can be read, but its neurons can be asked only by the version that began it"
        )
    if not folder.checkpoint.exists():
        raise ValueError(f"{run.path} has no checkpoint yet; `{pasted('smalti', 'resume', run.path)}` goes on with it")
    saved = checkpoint.load(folder.checkpoint)
    simulation = fresh(folder, load(Config, folder.config))
    neurons, links = folder.read_rows("neurons"), folder.read_rows("links")
    simulation.load_state_dict(joined(saved.tensors, saved.facts), neurons, links)
    return simulation
