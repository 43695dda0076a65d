"""What only shows when chip, stream and options meet: whether a simulation can be run at all."""

from __future__ import annotations

import warnings

import torch

from smalti.agents.auction.placement import check_placement
from smalti.model.chip.fabric import Fabric, FabricError, NoRoomError
from smalti.model.chip.links import Links
from smalti.model.continual import METHODS
from smalti.model.gating import GatingNetwork
from smalti.model.growth.rule import GrowthError
from smalti.model.growth.rules import GROWTH_RULES
from smalti.model.neuron import NetworkOptions
from smalti.scheduler.checks import memory
from smalti.scheduler.checks.effects import check_effects
from smalti.scheduler.checks.faults import check_faults
from smalti.scheduler.checks.levels import check_levels
from smalti.scheduler.configuration.config import Config
from smalti.scheduler.growth.placing.room import advice, empty, label_sets, place_seeds, seed_widths
from smalti.scheduler.streams import Stream

SPARE_STEPS = 10  # time steps wanted beyond the rows that a spike crosses


def check_machine(config: Config) -> None:
    """Whether this machine can run a configuration, before anything is built or loaded.

    Raises:
        ValueError: it lacks the device, or the memory for the chip.
    """
    _check_device(config.network)
    memory.check_chip(config)


def check(config: Config, fabric: Fabric, stream: Stream) -> None:
    """Whether a simulation can be run.

    Raises:
        ValueError: for a configuration that does not fit the chip or the stream, or data that memory cannot hold,
            naming the cure.
    """
    memory.check_samples(config, fabric, stream)
    refusal = GROWTH_RULES[config.growth.rule].refusal(config.network)
    if refusal:
        raise GrowthError(refusal)
    check_placement(config.growth, config.auction)
    _check_hidden(config)
    check_faults(config, stream)
    check_effects(config, stream)
    _check_widths(config, stream)
    _check_readout(config, stream)
    _check_feedback(config, stream)
    _check_session(config, stream)
    network = config.network
    if network.readout == "spike_count" and network.surrogate_width <= network.threshold:
        raise ValueError(
            f"network.readout = 'spike_count' with network.surrogate_width = {network.surrogate_width} learns nothing: "
            f"outputs are born silent, out of reach of the surrogate; make it larger than {network.threshold}, "
            "network.threshold"
        )
    least = fabric.options.rows + 1
    if stream.steps < least:
        raise FabricError(
            f"{stream.steps} time steps are too few: a spike needs {least} steps from the north row to an output on "
            f"{fabric.options.rows} rows of tiles; give stream.steps or fewer fabric.rows"
        )
    comfortable = fabric.options.rows + SPARE_STEPS
    if stream.steps < comfortable:
        warnings.warn(
            f"{stream.steps} time steps are few for {fabric.options.rows} rows of tiles: what reaches the outputs is "
            f"late; {comfortable} or more (stream.steps) are better",
            stacklevel=2,
        )
    shared = config.gating.experts == "shared"
    method = config.training.continual.method
    if METHODS[method].recalls and not shared and stream.setting in ("class", "task"):
        raise ValueError(
            f"training.continual.method = {method!r} trains on samples of several tasks at once, but with "
            "gating.experts = 'task' each has its own expert: set gating.experts = 'shared'"
        )
    outputs = max(stream.outputs_for(classes) for classes in label_sets(stream, 0, shared))
    if outputs >= fabric.slots:
        what = "classes" if stream.readout is None else "outputs"
        raise FabricError(
            f"{outputs} {what} need more output slots than a tile of {fabric.slots} neurons has beside a hidden "
            "neuron; raise fabric.neurons_per_tile or lower stream.classes_per_task"
        )
    check_levels(config, fabric, stream)
    _check_room(config, fabric, stream)


def _check_widths(config: Config, stream: Stream) -> None:
    """Whether every task has a width of its own, where they are told one by one."""
    widths, last = config.growth.seed_widths, max(experience.task for experience in stream.experiences)
    if widths and config.stream.boundaries == "hidden":
        raise ValueError(
            "growth.seed_widths needs to know which task begins, which stream.boundaries = 'hidden' forbids: leave it "
            "empty and take seed_width, or boundaries told"
        )
    if widths and len(widths) != last + 1:
        raise ValueError(
            f"growth.seed_widths = {list(widths)} has {len(widths)} widths, and tasks are numbered from 0 to {last}: "
            "give one for each, in the order of their numbers, or none and take seed_width"
        )


def _check_room(config: Config, fabric: Fabric, stream: Stream) -> None:
    """Whether every expert's seed finds a place, if nothing grows in between; growth leaves them theirs.

    Where tasks may open on what there is, only the first needs a place. Two levels: ``check_levels``.

    Raises:
        NoRoomError: not even the first one does.
    """
    if config.stream.boundaries != "told" or config.growth.levels.relay:
        return
    sets = label_sets(stream, 0, config.gating.experts == "shared")[: 1 if config.growth.reuse.by != "none" else None]
    outputs, widths = [stream.outputs_for(classes) for classes in sets], seed_widths(stream, sets, config.growth)
    everywhere = config.growth.everywhere
    placed = place_seeds(Links(fabric, stream.channels), empty(fabric), 0, outputs, widths, everywhere)
    if placed[-1].obstacle:
        room = f"this chip has room for {len(placed) - 1} of {len(outputs)} experts ({placed[-1].obstacle})"
        cure = advice(config.fabric, outputs, widths, everywhere)
        if len(placed) == 1:
            raise NoRoomError(f"{room}: {cure}")
        warnings.warn(f"{room}, and later tasks will be served by what there is: {cure}", stacklevel=3)


def _check_readout(config: Config, stream: Stream) -> None:
    """What cannot be had where outputs answer in time, or where tasks open on what there is."""
    hidden, readout, reuse = config.stream.boundaries == "hidden", config.network.readout, config.growth.reuse.by
    if stream.readout is not None and readout == "spike_count":
        raise ValueError(
            "network.readout = 'spike_count' says nothing before a sample ends, and these samples ask for targets "
            "at single steps: take membrane_mean, whose membranes are read at every step"
        )
    if reuse != "none" and hidden:
        raise ValueError(
            f"growth.reuse.by = {reuse!r} needs to know when a task begins, which stream.boundaries = 'hidden' "
            "forbids: take none, or boundaries told"
        )
    if reuse == "experts" and stream.readout is None:
        raise ValueError(
            "growth.reuse.by = 'experts' asks the experts of others as they are, whose outputs stand for other classes "
            "than a new task's: take readout, which makes outputs over their neurons, or none"
        )
    if reuse == "readout" and stream.readout is None and readout != "membrane_mean":
        raise ValueError(
            f"growth.reuse.by = 'readout' has a closed form for network.readout = 'membrane_mean' alone, not for "
            f"{readout!r}: take that, or reuse.by none"
        )
    if reuse != "none" and config.gating.experts == "shared":
        raise ValueError(
            f"growth.reuse.by = {reuse!r} opens tasks on the experts of others, and with gating.experts = 'shared' all "
            "tasks have the same: take none, or experts task"
        )
    one_expert = len(label_sets(stream, 0, False)) == 1 < len(stream.experiences)
    if reuse != "none" and stream.readout is None and one_expert:
        warnings.warn(
            f"growth.reuse.by = {reuse!r} finds nothing to reuse: with stream.setting = {stream.setting!r} all tasks "
            "have the same classes, and so the same expert",
            stacklevel=3,
        )


def by_feedback(config: Config, stream: Stream) -> bool:
    """Whether experts are chosen by the answers that were wanted on the trials before."""
    use, told = config.gating.belief.use, config.stream.boundaries == "told"
    if use == "auto":
        without_rule = stream.name in ("cognitive", "long-cognitive") and config.stream.cognitive.rule == "hidden"
        return (without_rule or not told) and not _without_choice(config, stream)
    return use == "always"


def _without_choice(config: Config, stream: Stream) -> str:
    """Why feedback has no experts to choose from, and the cure; empty where it has."""
    if stream.readout is None:
        return "needs samples that ask for targets at single steps, and these ask for their class: take never"
    if stream.setting in ("domain", "joint"):
        return f"has nobody to choose from: stream.setting = {stream.setting!r} gives all tasks one expert; take class"
    if config.gating.experts == "shared":
        return "has nobody to choose from: gating.experts = 'shared' gives all tasks one expert; take task"
    return ""


def _check_feedback(config: Config, stream: Stream) -> None:
    """What cannot be had where feedback has to say which task it is."""
    use, hidden, by = config.gating.belief.use, config.stream.boundaries == "hidden", config.gating.detect.by
    problem = _without_choice(config, stream)
    if use == "always" and problem:
        raise ValueError(f"gating.belief.use = 'always' {problem}")
    if not hidden or stream.readout is None:
        return
    if problem:
        raise ValueError(f"stream.boundaries = 'hidden' {problem}")
    if use == "never":
        raise ValueError(
            "gating.belief.use = 'never' leaves nothing that says which task it is where stream.boundaries = 'hidden' "
            "and samples ask for targets: take auto, or boundaries told"
        )
    if by in ("novelty", "labels"):
        raise ValueError(
            f"gating.detect.by = {by!r} learns from classes what is new, and these samples ask for targets instead: "
            "take loss"
        )
    if config.stream.drift:
        raise ValueError(
            f"stream.drift = {config.stream.drift} mixes tasks within a minibatch, and where samples ask for targets a "
            "minibatch is a block of one task: take drift 0"
        )


def check_running(gate: GatingNetwork, config: Config, stream: Stream) -> None:
    """Whether a gating network can weigh experts anew at every step, if it is to.

    Raises:
        ValueError: it cannot, or samples ask for one answer.
    """
    asked, options = f"gating.running = {config.gating.running}", config.gating
    if not options.running:
        return
    if stream.readout is None:
        raise ValueError(
            f"{asked} weighs experts anew at every step, and these samples ask for one class, for which all of their "
            "spikes are evidence: set it to 0"
        )
    if by_feedback(config, stream):
        raise ValueError(
            f"{asked} listens to inputs, and here feedback on trials chooses experts: set it to 0, or take "
            "gating.belief.use never"
        )
    if gate.hears != "inputs":
        raise ValueError(
            f"{asked} needs a gate that hears inputs, and gating.network = {options.network!r} hears {gate.hears}: "
            "take gaussian, lda, prototype, staged, autoencoder or softmax, or set it to 0"
        )


def check_listener(gate: GatingNetwork, config: Config) -> None:
    """Whether a gating network that hears experts is told when these stay put.

    Raises:
        ValueError: nobody says when a task ends.
    """
    if gate.hears == "experts" and config.stream.boundaries == "hidden":
        raise ValueError(
            f"gating.network = {config.gating.network!r} listens to experts when their task has ended, which "
            "stream.boundaries = 'hidden' keeps from it: take gaussian, or boundaries told"
        )


def _check_session(config: Config, stream: Stream) -> None:
    """Whether tasks can follow each other within a sample."""
    trials, tasks = config.stream.session, len({experience.task for experience in stream.experiences})
    if trials > 1 and stream.readout is None:
        raise ValueError(
            f"stream.session = {trials} asks for answers of several tasks within a sample, and these samples ask for "
            "one class: set it to 1"
        )
    if trials > tasks:
        raise ValueError(
            f"stream.session = {trials} joins samples of as many different tasks, and there are {tasks}: give 1 to "
            f"{tasks}"
        )


def _check_hidden(config: Config) -> None:
    """What cannot be had where nobody is told when a task ends."""
    if config.stream.boundaries == "told":
        return
    if config.gating.network == "label":
        raise ValueError(
            "gating.network = 'label' is told the task, which stream.boundaries = 'hidden' forbids: take gaussian, or "
            "boundaries told"
        )
    if "crossbar" in (config.gating.network, *config.gating.stages.networks):
        raise ValueError(
            "gating.network = 'crossbar' programs its columns when a task has ended, which stream.boundaries = "
            "'hidden' keeps from it: take gaussian, or boundaries told"
        )
    if config.training.continual.method != "none":
        raise ValueError(
            f"training.continual.method = {config.training.continual.method!r} needs to know when a task begins and "
            "ends, which stream.boundaries = 'hidden' forbids: take none, or boundaries told"
        )
    if config.training.enough_accuracy:
        raise ValueError(
            f"training.enough_accuracy = {config.training.enough_accuracy} ends the training of a task, and "
            "stream.boundaries = 'hidden' tells of none: set it to 0, or take boundaries told"
        )
    if config.growth.birth_record:
        raise ValueError(
            f"growth.birth_record = {config.growth.birth_record!r} follows births task by task, which "
            "stream.boundaries = 'hidden' forbids: take boundaries told"
        )


def _check_device(options: NetworkOptions) -> None:
    """Whether torch can compute there. For a device that it lacks, torch raises any of these, by device and build."""
    try:
        number = torch.zeros(1, device=options.device, dtype=options.dtype).add_(1).item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError, ImportError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].partition(". ")[0]
        raise ValueError(f"network.device = {options.device!r} cannot be used here ({why}); cpu always can") from error
    assert number == 1
