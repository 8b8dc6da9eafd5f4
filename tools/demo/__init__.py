"""`python -m tools.demo`: build a module on this machine, from the form to tagged RPMs, and watch it."""
