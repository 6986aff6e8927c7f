"""The tests check annotations while they run: sizes that belong together where there are shapes, types everywhere."""

from __future__ import annotations

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError

from rewardsmith.objectives.preference import preference_loss
from rewardsmith.tokens.chat_template import at_most


def test_sizes_of_one_call_belong_together() -> None:
    with pytest.raises(TypeCheckError):
        preference_loss(torch.zeros(3), torch.ones(2))


def test_a_type_is_checked_where_there_are_no_shapes() -> None:
    with pytest.raises(BeartypeCallHintParamViolation), at_most("long"):  # type: ignore[arg-type]
        pass
