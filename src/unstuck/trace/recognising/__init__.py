"""Recognise the network, its training and its data as a Recipe that the engine can train."""
