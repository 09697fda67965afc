"""COHORT.yaml and rosters: who is graded, on what, until when."""
