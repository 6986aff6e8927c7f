"""Where a run writes, and the files and models that it leaves."""
