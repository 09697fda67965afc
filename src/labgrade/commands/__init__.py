"""One module a command: parse, call, return an exit code."""
