"""The whole service on one machine: PostgreSQL, devhub and Airflow as background processes with their state in var/."""

import warnings

# Said by the embedded PostgreSQL's package on every machine without a desktop session; nothing follows from it.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
