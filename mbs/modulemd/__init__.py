"""Reading, checking and writing modulemd documents."""
