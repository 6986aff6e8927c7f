"""What `judge` stands on: who judges, what is compared, and what came of it."""
