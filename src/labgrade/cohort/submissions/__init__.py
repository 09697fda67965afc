"""What students hand in: found, judged safe, and put into a cluster."""
