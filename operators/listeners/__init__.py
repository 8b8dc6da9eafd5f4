"""What listens to Airflow: runs that end, tasks that start, submissions that could never be built."""
