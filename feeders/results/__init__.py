"""What is under results/: the one place that knows its files, and what a line of each holds."""
