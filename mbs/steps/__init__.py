"""What needs the hub and the registry at once, step by step; what operators, pages and command line call."""
