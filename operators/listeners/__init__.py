"""What listens to Airflow: runs that begin and end, their notes, tasks that start."""
