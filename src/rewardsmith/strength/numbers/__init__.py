"""What ``metrics.json`` says of an audit, as far as its level allows."""
