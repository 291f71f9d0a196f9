"""The chat models: local ones, those behind servers, recorded answers, and the baselines in the LLM's place."""
