"""What an optimiser makes of a gradient: the recorded one, played again with other gradients, against those known."""
