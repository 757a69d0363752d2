"""From a wrong gradient to a verified patch: candidate edits, their verification, and writing them."""
