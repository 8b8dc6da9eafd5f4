"""Measurements: each module has `run()`, which gives figures; `python -m tools.bench` runs them all."""
