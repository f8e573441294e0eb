"""What any machine is: the protocol, reversals, and asking for log-probabilities and samples."""

from entroprod.machine.protocol import FunctionMachine, Machine

__all__ = ["FunctionMachine", "Machine"]
