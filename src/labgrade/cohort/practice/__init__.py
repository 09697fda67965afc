"""Practice clusters for submissions: made, lent, wiped, and removed whatever happens."""
