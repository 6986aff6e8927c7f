"""Steps of verbs: training a model, judging by ensembles, rounds of refining, and how long each took."""
