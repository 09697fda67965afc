"""What is kept of a cohort: every attempt in a database, and cohort.json."""
