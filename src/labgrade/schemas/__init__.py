"""Published schemas of what labgrade writes, to be read with importlib.resources."""
