"""What is open, what the user changed, and who hears about it."""
