"""Whether a small move of the weights shows in what is computed with them."""

from __future__ import annotations

from collections.abc import Callable

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.perturbation import Perturbation
from rewardsmith.errors import RunError

LEAST_SHARE = 0.5


def check_first_order(move: Perturbation, objective: Callable[[], float], options: MetaOptions, shorter: bool) -> None:
    """Measures J(w + d) - J(w) and compares it with <grad J, d>; the weights are as they were afterwards.

    Not with J(w - d): where the rewards of a prompt are nearly equal, J has a kink and both ways lead up. Under half of
    it: ``RunError`` where a ``shorter`` type than float32 computes, else a warning.
    """
    here = objective()
    move.apply()
    measured, promised = objective() - here, float(move.rise)
    move.restore()
    if promised == 0 or measured / promised >= LEAST_SHARE:
        return
    found = (
        f"`meta_step_size` {options.meta_step_size} ({options.meta_step_unit}) changes the objective by "
        f"{measured:.2g}, where its gradient says {promised:.2g}"
    )
    if shorter:
        raise RunError(f"{found}: bfloat16 does not compute such a step. Leave out `bf16`, or use another size.")
    say(f"{found}: the step is too long for a gradient to say what it does, or too short for float32 to show it.")
