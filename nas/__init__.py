"""The domain: search space, network, cost, training, distillation, export and records.

A library of its own: it never imports langchain, langgraph or rich.
"""
