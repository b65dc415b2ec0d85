"""Version of the generator and the seeds of its splits.

A change of anything a seed leads to is a new version; it is written into every checkpoint and result.
"""

VERSION = "rooms-1"

TRAIN_SEEDS = range(0, 1_000_000_000)
VALIDATION_SEEDS = range(1_000_000_000, 1_000_000_200)
TEST_SEEDS = range(2_000_000_000, 2_000_000_200)  # never used for choosing anything
