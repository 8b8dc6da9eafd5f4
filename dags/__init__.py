"""The DAGs of the module build service."""
