"""The course: its labs, their rubrics and their answers."""

from labgrade.course.library import Course, find

__all__ = ["Course", "find"]
