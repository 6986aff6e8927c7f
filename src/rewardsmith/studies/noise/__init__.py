"""Does repairing labels help? Plant known errors, repair without knowing them, train, test on untouched labels."""
