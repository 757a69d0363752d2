"""From the words of an explanation to the edits that they ask for by name."""
