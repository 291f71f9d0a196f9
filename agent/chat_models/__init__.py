"""The chat models: the embedded local one, recorded answers, and the baselines that stand in the LLM's place."""
