"""One cluster: reaching it, doing things to it, and leaving nothing behind."""
