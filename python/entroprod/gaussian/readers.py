"""Linear-Gaussian machines of either kind, and which of them reads backwards."""

from __future__ import annotations

from entroprod.boundary.sequences import require_steps
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian

GaussianMachine = LinearGaussian | TimeVaryingLinearGaussian


def require_constant(value: object, name: str = "machine", *, or_else: str = "") -> None:
    """Refuse what isn't a machine of constant parameters; ``or_else`` names what else there is."""
    if not isinstance(value, LinearGaussian):
        wanted = f"a LinearGaussian or {or_else}" if or_else else "a LinearGaussian"
        msg = f"{name} must be {wanted}, got {type(value).__name__}"
        raise TypeError(msg)


def require_machine(value: object, name: str) -> None:
    """Refuse what isn't a linear-Gaussian machine."""
    if not isinstance(value, GaussianMachine):
        msg = (
            f"{name} must be a LinearGaussian or a TimeVaryingLinearGaussian, "
            f"got {type(value).__name__}"
        )
        raise TypeError(msg)


def backward_machine(machine: GaussianMachine, backward: GaussianMachine | None) -> GaussianMachine:
    """The machine that reads the reversed sequences: by default a constant machine itself."""
    require_machine(machine, "machine")
    if backward is None:
        if isinstance(machine, TimeVaryingLinearGaussian):
            msg = (
                "backward must be given for a TimeVaryingLinearGaussian, which can read the "
                "reversed sequence in two ways: backward=machine predicts and reads y_t with the "
                "parameters of time t; backward=machine.reversed_kernels() reads y_t with those "
                "of time t and predicts it with the kernel of time t + 1, [S26] eqs 8 and 13"
            )
            raise ValueError(msg)
        return machine
    require_machine(backward, "backward")
    if backward.n_outputs != machine.n_outputs:
        msg = (
            f"backward must have {machine.n_outputs} output(s), as machine has, "
            f"got {backward.n_outputs}"
        )
        raise ValueError(msg)
    return backward


def require_length(machine: GaussianMachine, name: str, n_steps: int) -> None:
    """Refuse more steps than a machine has parameters for."""
    if isinstance(machine, TimeVaryingLinearGaussian):
        require_steps("n_steps", n_steps, name, machine.n_steps)
