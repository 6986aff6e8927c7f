"""Several reward models as one: forked from a frozen trunk, or the mean of their weights."""
