"""The results folder: the one place that knows its files, where they lie, and what a line of each holds."""
