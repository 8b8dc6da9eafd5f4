"""Everything that Airflow instantiates: hook, operators, triggers, links, bundle."""
