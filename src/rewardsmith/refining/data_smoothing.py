"""Iterative data smoothing (Zhu, Jordan and Jiao, arXiv 2401.16335) on frozen features: labels and head learn in turn.

From a head of zeros, each of ``num_steps`` rounds takes one gradient step of the Bradley-Terry loss on the labels as
they stand, then moves every label towards what the head now says of it:

    head  <- head - rate * ( sum_i w_i (sigmoid(x_i head) - y_i) x_i + l2 * head )
    y_i   <- (1 - beta) * y_i + beta * sigmoid(x_i head)

The paper's point is the two time scales. What many pairs say is learned before the labels have moved, and they settle
at its frequency; what a single pair says would be learned slowly, and its label has gone back to one half by then.
Steps that went to the optimum would lose just that: there the head no longer moves when labels go to its predictions.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.strength.ensembles.logistic import CURVATURE


def smooth_labels(
    rows: Float[Tensor, "N E"],
    target: Float[Tensor, "N ..."],
    weight: Float[Tensor, "N ..."],
    l2: float,
    beta: float,
    num_steps: int,
) -> Float[Tensor, "N ..."]:
    """Labels in [0, 1] after ``num_steps`` rounds; as they came for ``beta`` 0.

    ``rows`` are features of the chosen response less those of the rejected one. Problems of their own labels and
    weights may stand side by side, [N, T]. Pairs of weight 0 teach nothing but get a label too. The rate is one over
    the largest curvature, so every step lowers the loss and the scale of ``rows`` and ``weight`` matters only against
    ``l2``. A penalty draws all labels to one half in the long run. Swapping a pair gives one less its label.
    """
    labels = target.reshape(len(target), -1).to(rows)
    weights = weight.reshape(len(weight), -1).to(rows)
    rate = 1.0 / (CURVATURE * _largest_curvature(rows, weights) + l2).clamp(min=1e-30)
    heads = rows.new_zeros(labels.shape[1], rows.shape[1])
    predicted = torch.full_like(labels, 0.5)
    for _ in range(num_steps):
        gradient = (weights * (predicted - labels)).T @ rows + l2 * heads
        heads = heads - rate[:, None] * gradient
        predicted = (rows @ heads.T).sigmoid_()
        labels = torch.lerp(labels, predicted, beta)
    return labels.reshape(target.shape)


def _largest_curvature(rows: Float[Tensor, "N E"], weights: Float[Tensor, "N T"]) -> Float[Tensor, " T"]:
    """Largest eigenvalue of sum_i w_i x_i x_i' of every problem."""
    return torch.stack([torch.linalg.eigvalsh(rows.T @ (weight[:, None] * rows))[-1] for weight in weights.T])
