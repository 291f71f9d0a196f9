"""What tools and nodes hold of a run, and the executors that do its expensive work."""
