"""The engine of the builders: sources, build roots, rpmbuild and repositories, without any database.

A package is built in three steps, each a function over plain values and paths:

* `source` fetches what is to be built and `rpmbuild.build_srpm` makes the source RPM of it;
* `depsolve` chooses the RPMs that the build needs from one repository and `root` lays them out for the compiler;
* `rpmbuild.build_rpms` makes the RPMs, or `simulate` makes RPM files of the same names without a compiler.

`repository` writes the repositories that the next build sees. Failures are raised as Koji's own exceptions, because
their classes and words are the contract with the clients.

A spec file is a program, and it runs here as the user who started the hub, without a chroot: build only what you trust.
"""
