"""What every pytest run in this course needs: readable asserts, the grader, and the course's fixtures."""

import pytest

pytest.register_assert_rewrite("checks")
pytest_plugins = ["labgrade.plugin", "fixtures.cluster", "fixtures.host"]
