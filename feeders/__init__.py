"""Measure, audit and compare the ways to feed Keras ``fit()``."""
