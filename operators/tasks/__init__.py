"""The operators, by group of the DAG that they are tasks of: prepare, macros and batches, publish; forms; upkeep."""
