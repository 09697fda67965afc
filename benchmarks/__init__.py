"""The figures that labgrade claims, each measured beside what people use today, in one run."""
