"""How many neurons experts gave back, as a finding. Draws and prints nothing."""

from __future__ import annotations

from smalti.analysis.findings.finding import Finding, count_of, several
from smalti.analysis.growth.given_back import GivenBack


def gave_back(given: GivenBack | None, least: float) -> Finding | None:
    """What experts gave back, or why nobody did; ``least`` is ``growth.give_back``. None where nobody was to."""
    if given is None:
        return None
    if not given.neurons:
        return Finding(
            kind="given_back",
            weight="note",
            title="No expert gave a neuron back",
            detail=f"None had a score of growth.give_back = {least:g} on validation samples without the neuron worth "
            "least, in a round past growth.until that others follow.",
        )
    by = several([f"task {task}: {count}" for task, count in given.givers.items()])
    return Finding(
        kind="given_back",
        weight="note",
        title=f"{count_of(given.neurons, 'neuron')} given back, {given.told}",
        detail=f"Without each of them the score on validation samples was growth.give_back = {least:g} or more. {by}.",
    )
