"""Options as users write them: flat names, YAML by hand, YAML that comes with the package."""
