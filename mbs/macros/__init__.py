"""module-build-macros: the package that gives a module's buildroot its macros and keeps shadowed RPMs out (§13)."""
