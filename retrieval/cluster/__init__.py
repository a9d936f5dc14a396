"""The index in an OpenSearch cluster: read by many processes, written by one at a time."""
