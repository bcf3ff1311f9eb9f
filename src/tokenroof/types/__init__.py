"""Frozen nouns: quantities, models, machines, scenarios, results. No behaviour, no third-party imports."""
