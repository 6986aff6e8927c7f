"""Where the labels of a run with ``--data_smoothing`` ended, for a reader."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs

SMOOTHED_LABELS = "smoothed_labels.parquet"


def smoothed_labels(pairs: pa.Table, learned: EncodedPairs) -> pa.Table:
    """``pair_id``, ``row``, ``target_given`` and ``target`` of every pair that was trained on, in input order."""
    trained = pairs.filter(pc.is_in(pairs["pair_id"], pa.array(learned.pair_id)))
    columns = {"pair_id": trained["pair_id"], "row": trained["row"], "target_given": trained["target"]}
    return pa.table({**columns, "target": pa.array(learned.target, pa.float32())})
