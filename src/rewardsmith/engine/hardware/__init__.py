"""The machine that a run has: devices, memory, number formats."""
