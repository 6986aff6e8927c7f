"""An audit in sentences: the verdict, what keeps it from saying more, and what to do next."""
