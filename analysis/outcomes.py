"""What a run came to, as numbers: one set of measures for every table, page, report and command. Prints nothing.

Accuracy is the mean over tasks of the accuracy on each (van de Ven et al. 2022, Nat. Mach. Intell. 4, 1185), of those
that have come; a task that came and cannot be answered counts as 0. ``accuracy_by_samples`` weighs tasks by samples.

``METRICS`` names every measure, with its unit and meaning. What cannot be measured is left out: transfer needs two
experiences, what was forgotten tasks that come once, curves a run with ``training.validate``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from smalti.analysis.measures import account, copies, curves, detection, metrics, neurobench, opened, switches
from smalti.analysis.quantities import METRICS, PARTS, SETTING_NAMES, SPENT
from smalti.analysis.tables import RunTables
from smalti.scheduler.records.pasted import pasted

SPLITS = ("validation", "test")
NOVEL, SESSION = "novel", "session"  # splits that only some runs have
AREAS = ("roc_auc", "average_precision")  # of streams whose two classes are an anomaly and the usual
BY_SETTING = ("accuracy", "forgetting", "backward_transfer")  # what a wide table has of every setting and split
RUN = "run"  # the setting of measures that do not depend on what the network is asked
EVENTS = ("born", "retired", "given_back", "lost", "relaid", "writes")  # columns of rounds that add up over the run


def settings(run: RunTables) -> list[str]:
    """Settings in which the run was evaluated, in the order of ``SETTING_NAMES``, parts of an answer last."""
    present = set(run.table("evaluations")["setting"])
    return [name for name in SETTING_NAMES if name in present]


STANDARDS = (0.9, 0.95)  # scores at which tasks count as learned


def splits(run: RunTables) -> list[str]:
    """Parts of the data that were asked: ``SPLITS`` and, where there are such, the second test part and sessions."""
    there = set(run.table("evaluations")["split"])
    return [*SPLITS, *(split for split in (NOVEL, SESSION) if split in there)]


def answers(run: RunTables) -> list[str]:
    """Settings in which the whole network was asked, not its experts or its gating network alone."""
    return [name for name in settings(run) if name not in PARTS]


def last_answers(run: RunTables) -> list[str]:
    """Of these, the ones in which it was asked in the end.

    A network whose gate passes labels on answers without one only as long as it has a single expert.
    """
    return [name for name in _last_settings(run) if name not in PARTS]


def last_parts(run: RunTables) -> list[str]:
    """Parts of an answer that were asked by themselves in the end."""
    return [name for name in _last_settings(run) if name in PARTS]


def _last_settings(run: RunTables) -> list[str]:
    table = run.table("evaluations")
    present = set(table.loc[table["after"] == table["after"].max(), "setting"])
    return [name for name in settings(run) if name in present]


def headline(run: RunTables) -> str:
    """The setting that a run is judged by: that of its stream, if it was asked so in the end, else what it was."""
    stream, there = str(run.config["stream"]["setting"]), last_answers(run)
    return stream if stream in there or not there else there[0]


def order(run: RunTables) -> list[int]:
    """Tasks in the order in which they came or are to come, as far as the tables know; some may return."""
    stream = run.config["stream"]
    drawn = stream.get("shuffle") or stream.get("returns")
    if stream["order"] and not drawn:
        return list(stream["order"])
    asked = sorted(int(task) for task in run.table("evaluations")["on"].unique())
    if not drawn:
        return asked
    came = [int(task) for task in run.table("rounds").groupby("experience")["task"].first()]
    return [*came, *(task for task in asked if task not in came)]


def accuracies(run: RunTables, setting: str, split: str = "test") -> pd.DataFrame:
    """Accuracy on every task (columns, in the order in which they came) after every experience (rows; -1: before)."""
    table = run.table("evaluations")
    chosen = table[(table["setting"] == setting) & (table["split"] == split)]
    after, row = np.unique(chosen["after"].to_numpy(int), return_inverse=True)
    on = chosen["on"].to_numpy(int)
    tasks = [task for task in dict.fromkeys(order(run)) if task in on]
    asked = np.isin(on, tasks)
    column = {task: place for place, task in enumerate(tasks)}
    matrix = np.full((len(after), len(tasks)), math.nan)
    matrix[row[asked], [column[task] for task in on[asked].tolist()]] = chosen["accuracy"].to_numpy(float)[asked]
    return pd.DataFrame(matrix, pd.Index(after, name="after"), pd.Index(tasks, name="on", dtype=int))


def experience_names(run: RunTables, numbers: Iterable[int]) -> list[str]:
    """What rows after experiences are called: by their number, and by the task where it is another; -1: before any."""
    tasks = order(run)
    told = tasks != list(range(len(tasks)))
    names = {n: f"{n} (task {tasks[n]})" if told and 0 <= n < len(tasks) else str(n) for n in numbers}
    return ["before any" if number < 0 else name for number, name in names.items()]


def mean_accuracies(run: RunTables, setting: str, split: str = "test") -> pd.Series:
    """Accuracy after every experience: the mean over the tasks that had come by then; before any, over those asked."""
    matrix, tasks = accuracies(run, setting, split), order(run)
    columns, means = [int(str(task)) for task in matrix.columns], []
    for number, row in zip(matrix.index.tolist(), matrix.to_numpy(float).tolist(), strict=True):
        asked = {task: share for task, share in zip(columns, row, strict=True) if not math.isnan(share)}
        came = asked if number < 0 else dict.fromkeys(tasks[: number + 1])
        means.append(float(np.mean([asked.get(task, 0.0) for task in came])) if came else math.nan)
    return pd.Series(means, matrix.index, dtype=float)


def accuracy(run: RunTables, setting: str, split: str = "validation") -> float:
    """Accuracy after the last experience that is over; NaN where there is none or the network was not asked so then.

    Args:
        run: finished or not.
        setting: task, class, domain, joint, experts or gate.
        split: validation or test.
    """
    latest = _latest(run, split)
    return math.nan if latest < 0 else float(mean_accuracies(run, setting, split).get(latest, math.nan))


def accuracy_by_samples(run: RunTables, setting: str, split: str = "validation") -> float:
    """As ``accuracy``, but every sample weighs alike, and tasks that could not be answered do not count."""
    latest, table = _latest(run, split), run.table("evaluations")
    last = table[(table["setting"] == setting) & (table["split"] == split) & (table["after"] == latest)]
    asked = last[last["on"].isin(order(run)[: latest + 1])]
    return float(np.average(asked["accuracy"], weights=asked["samples"])) if len(asked) else math.nan


def _latest(run: RunTables, split: str) -> int:
    """Number of the last experience after which anything was asked; -1: none."""
    after = run.table("evaluations").loc[lambda table: table["split"] == split, "after"]
    return int(after.max()) if len(after) else -1


def measures(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """What the answers in one setting came to, by name.

    Args:
        run: a run that has been evaluated.
        setting: one of ``SETTING_NAMES``.
        split: validation or test.
    """
    table = run.table("evaluations")
    table = table[table["split"] == split]
    last = table[(table["after"] == table["after"].max()) & (table["setting"] == setting)]
    values = {
        "accuracy": accuracy(run, setting, split),
        "accuracy_by_samples": accuracy_by_samples(run, setting, split),
        **_transfer(run, setting, split),
        **_single_tasks(run, setting, split),
    }
    if setting not in (*PARTS, "task"):  # the parts of an answer to which no task was told
        values |= {f"{part}_accuracy": accuracy(run, part, split) for part in PARTS} | switches.measures(run, split)
    values |= copies.measures(run, setting, split)
    unseen = run.table("evaluations")
    unseen = unseen[(unseen["split"] == f"unseen_{split}") & (unseen["setting"] == setting)]
    values["unseen"] = float(unseen["accuracy"].mean())
    values |= {name: float(last[name].mean()) for name in AREAS if name in last and len(last)}
    if len(last):
        values |= {name: float(np.average(last[name], weights=last["samples"])) for name in SPENT if name in last}
    if setting not in PARTS:
        values |= neurobench.workload(run, setting, split)
        values |= {name: value for name, value in account.work(run, last).items() if name in account.SUMS}
    return _finite(values)


def resources(run: RunTables) -> dict[str, float]:
    """What the run left on the chip and took to get there, by name.

    Raises:
        ValueError: no round is finished yet.
    """
    rounds, neurons, fabric = run.table("rounds"), run.table("neurons"), run.config["fabric"]
    if rounds.empty:
        raise ValueError(
            f"{run.path} has no finished round yet; `{pasted('smalti', 'resume', run.path)}` goes on with it"
        )
    last, links, ports = rounds.iloc[-1], run.table("links"), run.table("ports")
    outputs = int(((neurons["kind"] == "output") & neurons["retired_round"].isna()).sum())
    tiles = fabric["rows"] * fabric["cols"] - len({tuple(place) for place in fabric["dead_tiles"]})
    routed = links[links["retired_round"].isna() & (links["kind"] == "routed")]
    seconds = rounds[["seconds_train", "seconds_evaluate", "seconds_other"]].to_numpy(float)
    values = {
        **{name: float(last[name]) for name in ("neurons", "links", "devices", "wires", "stored_values", "loss")},
        "outputs": outputs,
        "slots": tiles * fabric["neurons_per_tile"] - outputs,
        "sides": float(ports.loc[ports["round"] == last["round"], "capacity"].sum()),
        "hops": float(routed["hops"].sum()),
        **{name: float(rounds[name].sum()) for name in EVENTS if name in rounds},
        **{name: float(last[name]) for name in ("most_written",) if name in rounds},
        "training_operations": float(rounds["operations"].sum()),
        "training_hop_spikes": float(last["hop_spikes_per_sample"]),
        **curves.after_growth(rounds),
        **opened.reuse(run),
        **opened.parts(run),
        **neurobench.static(run),
        "seconds": float(seconds.sum()),
        "overhead": float(seconds[:, 2].sum() / seconds.sum()),
    }
    if run.config["stream"].get("boundaries") == "hidden":
        values |= asdict(detection.summary(run))
    return _finite(values)


def outcomes(run: RunTables) -> pd.DataFrame:
    """All measures of a run as a long table.

    Returns:
        Columns setting (``RUN`` for what depends on none), split (empty for these), metric and value.
    """
    rows = [(RUN, "", name, value) for name, value in resources(run).items()]
    for setting in settings(run):
        for split in splits(run):
            rows += [(setting, split, name, value) for name, value in measures(run, setting, split).items()]
    return pd.DataFrame(rows, columns=["setting", "split", "metric", "value"])


def overall(run: RunTables, split: str = "validation") -> dict[str, float]:
    """The measures of a run that are told first: resources, and the answers in the setting that it is judged by."""
    return {**measures(run, headline(run), split), **resources(run)}


def living(run: RunTables) -> pd.DataFrame:
    """Neurons alive now, with the row and column of their tile."""
    neurons = run.table("neurons")
    alive = neurons[neurons["retired_round"].isna()].copy()
    alive["tile_row"] = alive["tile"] // run.config["fabric"]["cols"]
    alive["tile_col"] = alive["tile"] % run.config["fabric"]["cols"]
    return alive


def matrix(run: RunTables, setting: str, split: str) -> pd.DataFrame:
    """Accuracies as a long table: columns after, on (place of the task among those that came, from 0), task, value."""
    wide = accuracies(run, setting, split)
    values = wide.to_numpy(float)
    row, column = np.nonzero(np.isfinite(values) & (wide.index.to_numpy() >= 0)[:, None])
    places = {"after": wide.index.to_numpy()[row], "on": column, "task": wide.columns.to_numpy()[column]}
    return pd.DataFrame({**places, "value": values[row, column]})


def _single_tasks(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """The worst task after the last experience that is over, and how many tasks were learned by certain standards."""
    matrix, latest = accuracies(run, setting, split), _latest(run, split)
    if latest not in matrix.index:
        return {}
    last = matrix.loc[latest].dropna().to_numpy(float)
    standards = {f"tasks_{round(100 * level)}": float((last >= level).sum()) for level in STANDARDS}
    return {"worst_task": float(last.min()), **standards} if len(last) else {}


def _transfer(run: RunTables, setting: str, split: str) -> dict[str, float]:
    """What was forgotten and transferred; it is defined where every task came once and was asked after every other."""
    came = order(run)
    if len(set(came)) < len(came):
        return {}
    evaluations = run.table("evaluations")
    try:
        accuracy_after = metrics.accuracy_matrix(evaluations, setting, split, came)
        values = {
            "backward_transfer": metrics.backward_transfer(accuracy_after),
            "forgetting": metrics.forgetting(accuracy_after),
            "average_incremental_accuracy": metrics.average_incremental_accuracy(accuracy_after),
        }
    except ValueError:  # the run was stopped, or not every task can be answered
        return {}
    try:
        before = metrics.initial_accuracy(evaluations, setting, split, came)
        values["forward_transfer"] = metrics.forward_transfer(accuracy_after, before)
    except ValueError:  # a task cannot be answered before it was learned
        pass
    return values


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def flat(table: pd.DataFrame, setting: str) -> Iterator[tuple[str, float]]:
    """Long outcomes of one run as names and values for a wide table.

    Measures of the run keep their names, and so do those of ``setting`` on validation data; beside them every accuracy
    and transfer has the name METRIC_SETTING_SPLIT.
    """
    main = table[(table["setting"] == RUN) | ((table["setting"] == setting) & (table["split"] == "validation"))]
    values = dict(zip(main["metric"], main["value"], strict=True))
    yield from ((name, values[name]) for name in METRICS if name in values)
    rows = table[table["metric"].isin(BY_SETTING) & (table["setting"] != RUN)]
    names = rows["metric"] + "_" + rows["setting"] + "_" + rows["split"]
    yield from zip(names, rows["value"].astype(float), strict=True)
