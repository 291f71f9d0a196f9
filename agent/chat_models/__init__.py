"""The chat models: local ones, those behind servers, recorded answers, and the baselines that replace the LLM."""
