"""A reward model on a preference set: how often it is right, how far to trust it, against another one."""
