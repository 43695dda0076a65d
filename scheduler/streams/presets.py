"""What a stream wants of the rest of a configuration where its user says nothing.

Extension point: ``PRESETS["mine"] = {"training.rounds": 20}``, dotted field -> value, beside the stream's loader in
``STREAMS``. Whatever a file, the command line or Python says comes before it; ``configuration.presets`` applies it.
"""

from __future__ import annotations

from collections.abc import Mapping

# One row of tiles that every channel enters, so that all neurons of an expert hear each other within a step; neurons
# of many time constants; what was remembered is asked for at the end of a sample.
_REMEMBERING: Mapping[str, object] = {
    "fabric.rows": 1,
    "fabric.cols": 4,
    "fabric.neurons_per_tile": 280,
    "fabric.wires": 64,
    "fabric.corner_wires": 16,
    "fabric.inputs": "every",
    "network.output_tau_ms": 10.0,
    "network.readout": "membrane_last",
    "network.kinds.memory.tau_ms": 10.0,
    "network.kinds.memory.tau_most_ms": 200.0,
    "training.steps": 100,
    "training.batch": 32,
    "growth.when": "never",
    "growth.siblings": True,
    "growth.sibling_weight": 1.0,
    "growth.reserve": 0,
}

# The chip, the neurons that remember and the rounds that the cognitive tasks take.
_COGNITIVE: Mapping[str, object] = {
    "fabric.rows": 1,
    "fabric.cols": 4,
    "fabric.neurons_per_tile": 80,
    "fabric.wires": 64,
    "fabric.corner_wires": 16,
    "fabric.inputs": "every",
    "network.output_tau_ms": 4.5,
    "network.kinds.fast.tau_ms": 2.0,  # the tasks' own time scales, a step being some 50 ms
    "network.kinds.fast.tau_most_ms": 40.0,
    "network.kinds.slow.tau_ms": 2.0,
    "network.kinds.slow.tau_most_ms": 40.0,
    "network.kinds.slow.synapse_ms": 20.0,
    "training.rounds": 18,
    "training.steps": 125,
    "training.batch": 32,
    "training.restarts": (3,),
    "training.rate_limit": 0.15,
    "growth.when": "unsolved",
    "growth.amount": "double",
    "growth.every": 3,
    "growth.until": 0.17,
    "growth.seed_width": 24,
    "growth.max_neurons": 32,
    "growth.siblings": True,
    "growth.enough_score": 0.9,
    "growth.candidates": 8,
    "growth.probe": 128,
    "growth.reserve": 0,
    "auction.wire_price": 1e-4,  # of a squared error that begins near 1
    "growth.reuse.by": "readout",
    "growth.reuse.enough": 0.9,
    "growth.reuse.beside": False,
    "growth.reuse.readout_rounds": 0,
    "growth.reuse.samples": 2048,
    "gating.detect.by": "loss",  # where boundaries are hidden: inputs do not say the task
}

# Half of the beats for the test, batches of 16, slow synapses as in the notebook of Mosaic's group (EIS-Hub,
# Memristor-Aware-Training, Test_ECG_SRNN), whose 20 and 5 ms are 7.2 and 1.8 of its steps. It has 250 steps a window.
_ECG: Mapping[str, object] = {
    "stream.test": 0.5,
    "fabric.rows": 1,
    "fabric.cols": 4,
    "fabric.neurons_per_tile": 32,
    "fabric.wires": 32,
    "fabric.inputs": "every",
    "network.kinds.beat.tau_ms": 7.2,
    "network.kinds.beat.synapse_ms": 1.8,
    "network.output_tau_ms": 50.0,
    "training.steps": 100,
    "training.batch": 16,
    "growth.seed_width": 32,
    "growth.max_neurons": 64,
}

PRESETS: dict[str, Mapping[str, object]] = {
    "ecg": _ECG,
    "few-shot": {
        "stream.base": 4,  # digits; then three sessions of two digits, with five recordings each
        "stream.shots": 5,
        "gating.network": "prototype",
    },
    "cognitive": _COGNITIVE,
    "long-cognitive": {
        **_COGNITIVE,
        "growth.seed_width": 6,
        "growth.max_neurons": 24,
        "growth.give_back": 0.9,
    },  # docs/budget.md
    "parity": {
        **_REMEMBERING,
        "stream.parity.samples": 4000,
        "training.rounds": 10,
        "growth.seed_width": 32,
        "growth.max_neurons": 32,
        "gating.windows": 1,  # when pulses come says nothing
        "gating.vote": 0.0,  # nor do counts, of the parity
    },
    "context-match": {
        **_REMEMBERING,
        "stream.match.samples": 10000,
        "training.rounds": 30,
        "growth.seed_width": 128,
        "growth.max_neurons": 128,
        "gating.vote": 0.0,
    },
    "match-distractors": {
        **_REMEMBERING,
        "stream.match.samples": 6000,
        "training.rounds": 16,
        "growth.seed_width": 64,
        "growth.max_neurons": 64,
    },
    "order": {
        **_REMEMBERING,
        "network.readout": "membrane_mean",  # what tells the orders apart is spread over the sample
        "training.rounds": 4,
        "training.steps": 60,
        "growth.seed_width": 8,
    },
    "mackey-glass": {
        **_REMEMBERING,
        "network.output_tau_ms": 4.5,
        "network.kinds.memory.tau_ms": 2.0,
        "network.kinds.memory.tau_most_ms": 40.0,
        "training.rounds": 8,
        "growth.seed_width": 32,
        "growth.max_neurons": 32,
    },
    "nback": {
        **_REMEMBERING,
        "network.output_tau_ms": 4.5,
        "network.kinds.memory.tau_ms": 2.0,
        "network.kinds.memory.tau_most_ms": 40.0,
        "training.rounds": 12,
        "growth.seed_width": 64,
        "growth.max_neurons": 64,
    },
}
