"""What `mbs doctor` looks at before the first submission: facts are fetched, then judged by pure functions."""
