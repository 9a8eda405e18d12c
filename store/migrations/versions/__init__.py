"""One file a schema version; the number in front is the revision and gives the order."""
