"""The command line, leadline NOUN VERB: parses, calls one function, prints."""
