"""Where rows come from: what a user may name as a data set, and which files it then is."""
