"""From conversations to what a model is called with."""
