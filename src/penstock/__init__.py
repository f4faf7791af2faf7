"""Flink SQL pipelines from MySQL to StarRocks in one Python process."""

__all__ = ["__version__"]

__version__ = "0.1.0"
