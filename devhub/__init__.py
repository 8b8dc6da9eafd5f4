"""An embedded Koji hub with builders that really build RPMs."""
