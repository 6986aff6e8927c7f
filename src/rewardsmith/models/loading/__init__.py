"""From a name to a model, and from a model to a folder: files, adapters, reward models, policies."""
