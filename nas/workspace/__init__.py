"""What tools and nodes see of a run, and the executors that do its expensive work."""
