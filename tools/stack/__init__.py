"""The whole service on one machine: PostgreSQL, devhub and Airflow as background processes with their state in var/.

supervisord starts them, starts again what ends, stops whole groups and rotates the logs. What stands beside it here is
what it has not; each module says what that is.
"""

import warnings

# Said by the embedded PostgreSQL's package on every machine without a desktop session; nothing follows from it.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")


class StackProblem(Exception):
    """Something keeps the stack from running; the message says what to do."""
