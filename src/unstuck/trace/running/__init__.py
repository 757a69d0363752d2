"""Run the user's program inside this process, as python would, and keep what it prints."""
