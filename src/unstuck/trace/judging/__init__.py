"""Compare the written gradients and updates with the true ones."""
