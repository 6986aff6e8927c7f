"""Contrastive reward modelling: contrasts of the states of an optimiser step, and the step that has one."""
