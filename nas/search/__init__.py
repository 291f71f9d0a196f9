"""What a run tries and what steers it: trials, the Pareto front, niches, parents, suggestions, rungs and masks."""
