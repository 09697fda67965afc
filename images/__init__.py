"""Everything that lets a host without a container registry run genuine kind clusters.

Run it as `python -m images` from the root of the checkout; README.md says what it does and why.
"""
