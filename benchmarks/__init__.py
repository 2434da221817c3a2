"""Side-by-side measurements against peers; `python benchmarks/run.py` runs them."""
