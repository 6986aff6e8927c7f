"""What stands in ``metrics.json``: one file a verb. ``artifacts/runs/metrics_file.py`` checks it, written and read.

A key is always there, unless it is ``NotRequired``; None: not measured, or not defined on this data. Shares and rates
are of 0 to 1, gaps and strengths are logits, intervals are of 95 %.
"""
