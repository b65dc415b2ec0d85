"""The network, one file per part of the paper's section 3."""
