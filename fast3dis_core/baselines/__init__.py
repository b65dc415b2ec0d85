"""Other ways to instances: points or features in, labels out. Paper section 4.1; scoring is left to `evaluation`."""
