"""Tools for people who run or develop this project: set-up, the local stack, the demo, measurements."""
