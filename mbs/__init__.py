"""The domain of module builds: what a module is, what to build, in what order, against what."""
