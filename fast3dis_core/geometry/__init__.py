"""Functions on tensors, differentiable, any device: cameras, alignment, neighbors."""
