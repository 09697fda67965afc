"""The harness's own tests, mirroring src/."""
