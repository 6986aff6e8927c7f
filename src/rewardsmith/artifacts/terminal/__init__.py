"""What is said on stderr while a run goes on, and text that may be printed."""
