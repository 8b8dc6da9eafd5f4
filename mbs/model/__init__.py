"""The facts of the field: what a module is, what is built, how it is named. Imports nothing of the house above it."""
