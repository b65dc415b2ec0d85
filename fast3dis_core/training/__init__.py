"""Training of FAST3DIS: targets, matching, losses, schedules. Paper section 3.6."""
