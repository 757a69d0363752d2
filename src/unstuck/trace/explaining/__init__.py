"""Say which altered rule of calculus gives the written numbers, and on which line it stands."""
