"""Everything that Airflow instantiates, in the rooms of a provider.

`hooks`, `tasks` (the operators, by the group of the DAG that they are tasks of), `links`, `listeners`, the `bundle` of
DAGs, `graph`, which makes one of a plan, the `executors`, and the `auth` manager of one machine.
"""
