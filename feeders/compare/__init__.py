"""Comparing: samples in, verdicts out; on the host, without TensorFlow."""
