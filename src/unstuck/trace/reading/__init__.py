"""Read a tape: parameters, steps, the gradients as written, and what could be the loss."""
