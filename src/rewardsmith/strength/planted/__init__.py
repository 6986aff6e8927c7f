"""Known flips in a copy of the labels: what the audit finds of them, what that says of it, and what it refutes."""
