"""Many students graded at once: who they are, what they handed in, what came of it."""
